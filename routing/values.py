"""Values as text: checked against their VR (PS3.5 6.2), encoded and decoded in a Specific Character Set (PS3.5 6.1)."""

import re
import struct
from contextlib import suppress
from datetime import date
from math import isfinite

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from routing.encoding import NUMBERS
from studies.character_sets import NAME_DELIMITERS, TEXT_DELIMITERS, CharacterSets, Text, character_sets

# VRs whose text is in the Specific Character Set (PS3.5 6.1.2.3); the others are in the default repertoire.
TRANSLATED = frozenset(
    (
        "LO",
        "LT",
        "PN",
        "SH",
        "ST",
        "UC",
        "UT",
    )
)
TEXTS = TRANSLATED | {
    "AE",
    "AS",
    "CS",
    "DA",
    "DS",
    "DT",
    "IS",
    "TM",
    "UI",
    "UR",
}
ONE_VALUE = frozenset(("LT", "ST", "UT", "UR"))
SETTABLE = (TEXTS | set(NUMBERS)) - {"UI"}
_LENGTHS = {"AE": 16, "CS": 16, "DS": 16, "IS": 12, "LO": 64, "LT": 10_240, "SH": 16, "ST": 1_024, "UI": 64}
_NAME_LENGTH = 64  # of each of the up to three groups of a name
_FORMS = {
    "AS": (r"\d{3}[DWMY]", gettext_noop("three digits and D, W, M or Y, such as 042Y")),
    "CS": (r"[A-Z0-9 _]*", gettext_noop("capital letters, digits, spaces and underscores")),
    "DS": (r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", gettext_noop("a decimal number such as 1.5")),
    "IS": (r"[+-]?\d+", gettext_noop("a whole number")),
    "DA": (r"\d{8}", gettext_noop("a date as YYYYMMDD, such as 20261231")),
    "TM": (r"([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?", gettext_noop("a time as HHMMSS, such as 093000")),
    "DT": (
        r"\d{4}(\d\d(\d\d(\d\d(\d\d(\d\d(\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?",
        gettext_noop("a date and time as YYYYMMDDHHMMSS"),
    ),
    "UI": (r"[0-9.]+", gettext_noop("digits and points")),
}
_ALONE = frozenset(("utf_8", "gb18030", "gbk"))
_PAIRS = frozenset(("jis_x_0208", "jis_x_0212"))
# What designates a character set (PS3.3 Tables C.12-3 and C.12-4), by Python's codec.
_ESCAPES = {
    "jis_x_0208": b"\x1b$B",
    "jis_x_0212": b"\x1b$(D",
    "shift_jis": b"\x1b)I",
    "euc_kr": b"\x1b$)C",
    "gb2312": b"\x1b$)A",
    "latin_1": b"\x1b-A",
    "iso8859_2": b"\x1b-B",
    "iso8859_3": b"\x1b-C",
    "iso8859_4": b"\x1b-D",
    "iso8859_7": b"\x1b-F",
    "iso8859_6": b"\x1b-G",
    "iso8859_8": b"\x1b-H",
    "iso8859_5": b"\x1b-L",
    "iso8859_9": b"\x1b-M",
    "tis_620": b"\x1b-T",
    "iso8859_15": b"\x1b-b",
}
_NO_LETTERS = gettext_noop("the character set of the instance has not all its letters")
_RUNS = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROLS_OF_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")  # tab, line feed, form feed, return may be there


class BadValue(ValueError):
    """A value does not fit; the message says why, without the value."""


def check(vr: str, text: str) -> None:
    """See that a text is a valid value of a VR, several of them separated by backslashes.

    Raises:
        BadValue: it is not.
    """
    if (_CONTROLS_OF_TEXT if vr in {"LT", "ST", "UT"} else _CONTROLS).search(text):
        raise BadValue(_("it holds control characters"))
    for value in values_of(vr, text):
        if vr in NUMBERS:
            _number(vr, value)
        elif value:
            _check_one(vr, value)


def has_form(vr: str, text: str) -> bool:
    """Each value has the form of its VR, however long it is."""
    return all(not value.strip() or re.fullmatch(_FORMS[vr][0], value.strip()) for value in text.split("\\"))


def values_of(vr: str, text: str) -> list[str]:
    """The single values of a text."""
    return [text] if vr in ONE_VALUE else text.split("\\")


def encode(vr: str, text: str, terms: bytes, sign: str) -> bytes:
    """The bytes of a text, without padding.

    Args:
        vr: its VR.
        text: checked before.
        terms: the Specific Character Set as it is encoded.
        sign: byte order of numbers, as struct has it.

    Raises:
        BadValue: it cannot be said in that character set.
    """
    if vr in NUMBERS:
        return b"".join(struct.pack(sign + NUMBERS[vr], _number(vr, value)) for value in values_of(vr, text))
    if text.isascii():
        return text.encode("ascii")
    if vr not in TRANSLATED:
        raise BadValue(_("a value of VR %(vr)s holds no letters but those from A to Z") % {"vr": vr})
    encoded = _encoded(vr, text, terms)
    if character_sets(terms).text(encoded, _delimiters(vr)) != Text(text):
        raise BadValue(_NO_LETTERS)
    return encoded


def decode(vr: str, value: bytes, terms: bytes, sign: str) -> str:
    """The text of some bytes, without padding.

    Raises:
        BadValue: they are not valid in that character set.
    """
    if vr in NUMBERS:
        size = struct.calcsize(NUMBERS[vr])
        return "\\".join(map(str, struct.unpack(f"{sign}{len(value) // size}{NUMBERS[vr]}", value)))
    text = character_sets(terms if vr in TRANSLATED else b"").text(value, _delimiters(vr))
    if not text.is_exact:
        raise BadValue(_("its value is not valid in the character set of the instance"))
    return "\\".join(part.strip("\0 ") for part in values_of(vr, text.text))


def _check_one(vr: str, value: str) -> None:
    if vr == "PN":
        if len(groups := value.split("=")) > 3 or any(len(group) > _NAME_LENGTH for group in groups):
            raise BadValue(_("a name has at most three groups of %(maximum)s characters") % {"maximum": _NAME_LENGTH})
        return
    if len(value) > _LENGTHS.get(vr, len(value)):
        raise BadValue(
            _("it is longer than the %(maximum)s characters that VR %(vr)s has room for")
            % {"maximum": f"{_LENGTHS[vr]:,}", "vr": vr}
        )
    if vr in _FORMS and not re.fullmatch(_FORMS[vr][0], value.strip()):
        raise BadValue(_("it must be %(form)s") % {"form": _(_FORMS[vr][1])})
    if vr in {"DA", "DT"} and len(digits := re.split(r"[.+-]", value.strip())[0]) >= 8:
        try:
            date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
        except ValueError as error:
            raise BadValue(_("there is no such day")) from error


def _number(vr: str, value: str) -> float | int:
    try:
        number = float(value) if vr in {"FL", "FD"} else int(value)
        if not isfinite(number):
            raise ValueError
        struct.pack("<" + NUMBERS[vr], number)
    except (ValueError, struct.error, OverflowError) as error:
        raise BadValue(_("it must be a number that VR %(vr)s has room for") % {"vr": vr}) from error
    return number


def _encoded(vr: str, text: str, terms: bytes) -> bytes:
    """In the first character set where that has the letters, else in the others by escape sequences.

    Each part between delimiters begins in the first character set again (PS3.5 6.1.2.5.3).

    Raises:
        BadValue: no character set has them.
    """
    sets = character_sets(terms)
    if sets.first in _ALONE:
        with suppress(UnicodeEncodeError):
            return text.encode(sets.first)
    parts = re.split(r"([\\^=])" if vr == "PN" else r"([\\\t\n\f\r])", text)
    return b"".join(_run(run, sets) for part in parts for run in _RUNS.findall(part))


def _run(run: str, sets: CharacterSets) -> bytes:
    """Letters of one kind, with the escape sequence that they need."""
    if run.isascii():
        return run.encode("ascii")
    with suppress(UnicodeEncodeError):
        plain = run.encode(sets.first)
        if len(plain) == len(run):  # in JIS X 0201 a character is a byte; Python's codec would also write pairs
            return plain
    for codec in sets.others:
        with suppress(UnicodeEncodeError):
            if codec in _PAIRS:
                pairs = run.encode("euc_jp").replace(b"\x8f", b"")
                return _ESCAPES[codec] + bytes(byte & 0x7F for byte in pairs) + b"\x1b(B"
            if codec in _ESCAPES:
                return _ESCAPES[codec] + run.encode(codec)
    raise BadValue(_NO_LETTERS)


def _delimiters(vr: str) -> bytes:
    return NAME_DELIMITERS if vr == "PN" else TEXT_DELIMITERS
