"""Questions as identifiers of C-FIND, and identifiers as rows (PS3.4 C.4.1.1.3, PS3.18 F.2).

Written by hand where it is common text: pydicom's own way costs a millisecond for each match.
"""

import math
import re
from functools import lru_cache
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import ImplicitVRLittleEndian

from dicomnet.wire.elements import element
from spanner.answers import NAME_GROUPS, Row
from spanner.question import Question
from studies.character_sets import NAME_DELIMITERS, TEXT_DELIMITERS, CharacterSets, character_sets
from studies.dicom_json import as_json
from studies.errors import InvalidQuery
from studies.query.character_sets import UNICODE, Repertoire
from studies.query.identifiers import QUERY_RETRIEVE_LEVEL, SPECIFIC_CHARACTER_SET, TRANSLATED
from studies.query.received import VRS, read_elements, vr_of

_INTEGERS, _DECIMALS = frozenset({"IS"}), frozenset({"DS"})
_PLAIN = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_ONE_TEXT = frozenset({"LT", "ST", "UR", "UT"})
# What Python takes for numbers is more than that (PS3.5 Table 6.2-1): 1_000, infinity, a thousand digits.
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class UnreadableMatch(Exception):
    """What came as a match is no data set."""


class OverlongQuestion(Exception):
    """A value of a question has no room in an identifier: a list of more than a thousand UIDs (PS3.5 7.1.2)."""


@lru_cache(maxsize=32)  # the sources of a federation are asked the same
def encode(question: Question, transfer_syntax_uid: str) -> bytes:
    """The identifier that asks a question.

    Raises:
        OverlongQuestion: it has no room there.
    """
    is_explicit = transfer_syntax_uid != ImplicitVRLittleEndian
    wanted = dict(question.wanted)
    parts = [
        (QUERY_RETRIEVE_LEVEL, element(QUERY_RETRIEVE_LEVEL, "CS", question.level.encode(), is_explicit=is_explicit))
    ]
    if not "".join(wanted.values()).isascii():
        terms = UNICODE.terms.encode("ascii")
        parts.append((SPECIFIC_CHARACTER_SET, element(SPECIFIC_CHARACTER_SET, "CS", terms, is_explicit=is_explicit)))
    for tag in question.tags:
        vr = vr_of(tag)
        value = wanted.get(tag, "").encode("utf-8") if vr != "US" else b""
        try:
            parts.append((tag, element(tag, vr, value, is_explicit=is_explicit)))
        except ValueError as error:
            raise OverlongQuestion from error
    return b"".join(part for _, part in sorted(parts))


def decode(identifier: bytes, transfer_syntax_uid: str) -> Row:
    """A match as a row.

    Raises:
        UnreadableMatch: it is none.
    """
    try:
        found = read_elements(identifier, transfer_syntax_uid)
    except InvalidQuery as error:
        raise UnreadableMatch(f"a match cannot be read: {error}") from error
    declared = found.get(BaseTag(SPECIFIC_CHARACTER_SET))
    terms = declared.value if declared is not None and isinstance(declared.value, bytes) else b""
    sets = character_sets(terms)
    return {
        f"{tag:08X}": _json(held, sets)
        for tag, held in found.items()
        if tag.element and tag.group > 0x0002 and tag not in {SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL}
    }


def encode_row(row: Row, transfer_syntax_uid: str, repertoire: Repertoire) -> bytes:
    """A row as the identifier of a match; attributes that cannot be written in it are left without value.

    Args:
        row: with the attributes that were asked for.
        transfer_syntax_uid: of the answer.
        repertoire: the character set that was asked for; text that is not in it makes all of it Unicode.
    """
    is_explicit = transfer_syntax_uid != ImplicitVRLittleEndian
    try:
        return _encode_in(row, repertoire, is_explicit=is_explicit)
    except UnicodeEncodeError:
        return _encode_in(row, UNICODE, is_explicit=is_explicit)


def _encode_in(row: Row, repertoire: Repertoire, *, is_explicit: bool) -> bytes:
    parts = []
    if repertoire.terms:
        terms = repertoire.terms.encode("ascii")
        parts.append((SPECIFIC_CHARACTER_SET, element(SPECIFIC_CHARACTER_SET, "CS", terms, is_explicit=is_explicit)))
    for name, held in row.items():
        tag, vr = int(name, 16), held["vr"]
        if tag == SPECIFIC_CHARACTER_SET:  # that of the source; ours stands already
            continue
        parts.append((tag, _element(tag, vr, held.get("Value") or (), repertoire, is_explicit=is_explicit)))
    return b"".join(part for _, part in sorted(parts))


def _element(tag: int, vr: str, values: Any, repertoire: Repertoire, *, is_explicit: bool) -> bytes:
    if vr == "US":
        numbers = [value for value in values if isinstance(value, int) and 0 <= value <= 0xFFFF]
        return element(tag, vr, b"".join(number.to_bytes(2, "little") for number in numbers), is_explicit=is_explicit)
    if vr not in _PLAIN:
        return element(tag, vr, b"", is_explicit=is_explicit)
    text = "\\".join(_name_text(value) if vr == "PN" else "" if value is None else str(value) for value in values)
    value = repertoire.encode(text, vr) if vr in TRANSLATED else text.encode("ascii", "replace")
    try:
        return element(tag, vr, value, is_explicit=is_explicit)
    except ValueError:
        return element(tag, vr, b"", is_explicit=is_explicit)


def _name_text(value: Any) -> str:
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    return "=".join(str(value.get(group, "")) for group in NAME_GROUPS).rstrip("=")


def _json(held: DataElement | RawDataElement, sets: CharacterSets) -> dict[str, Any]:
    vr = str(held.VR or "")
    if vr == "UN" or vr not in VRS:
        vr = vr_of(held.tag)
    value = held.value
    if vr not in _PLAIN or not isinstance(value, bytes):
        return _by_library(held, vr)
    delimiters = NAME_DELIMITERS if vr == "PN" else TEXT_DELIMITERS
    text = sets.text(value, delimiters).text if vr in TRANSLATED else value.decode("ascii", "replace")
    parts = [text] if vr in _ONE_TEXT else text.split("\\")
    values = [_value(vr, part.strip("\0 ") if vr not in _ONE_TEXT else part.rstrip("\0 ")) for part in parts]
    return {"vr": vr} if values == [None] else {"vr": vr, "Value": values}


def _value(vr: str, text: str) -> Any:
    if not text:
        return None
    if vr == "PN":
        groups = zip(NAME_GROUPS, text.split("="), strict=False)
        return {kind: group.strip() for kind, group in groups if group.strip()} or None
    if vr in _INTEGERS:
        return int(text) if _INTEGER.fullmatch(text) else text
    if vr in _DECIMALS and _DECIMAL.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _by_library(held: DataElement | RawDataElement, vr: str) -> dict[str, Any]:
    """Sequences, numbers as bytes and the like, which are seldom asked for."""
    found: dict[str, Any] = as_json(Dataset({held.tag: held}), "").get(f"{held.tag:08X}", {"vr": vr[:2]})
    return found
