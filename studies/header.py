"""The header of one stored instance as text: values decoded by VR and character set (PS3.5 6.1, 6.2)."""

import json
import mmap
import os
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydicom.datadict import dictionary_description, dictionary_has_tag, dictionary_VR

from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, FileMeta, read_file_meta
from studies.attributes import SPECIFIC_CHARACTER_SET
from studies.character_sets import NAME_DELIMITERS, TEXT_DELIMITERS, CharacterSets, Text, character_sets
from studies.errors import MalformedDataSet
from studies.scan import BEGINNING_BYTES, Scan, scan, scan_beginning

_NUMBERS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "UV": "Q", "SV": "q", "AT": "H"}
# VRs whose text is in the Specific Character Set (PS3.5 6.1.2.3); the others are in the default repertoire.
_TRANSLATED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_TEXTS = _TRANSLATED | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
_ONE_VALUE = frozenset({"LT", "ST", "UT", "UR"})
DEFAULT_REPERTOIRE = CharacterSets()


@dataclass(frozen=True)
class Header:
    """File Meta Information and the wanted attributes of one Part 10 file.

    Attributes:
        meta: group 0002, and where the data set begins.
        found: the wanted elements as the scan found them.
        size_bytes: of the file.
        received_at: when the listener had it whole; None for a file that did not come by the listener.
        fetched_from: the archive that we asked for it; empty when it was sent.
        oddity: a sentence on how it was read, where that was not the usual way.
    """

    meta: FileMeta
    found: Scan
    size_bytes: int
    source_address: str
    received_at: datetime | None
    fetched_from: str = ""
    oddity: str = ""

    def values(self, tag: int) -> list[str]:
        """All values of one attribute as text without padding; empty when it is absent or has no value."""
        if tag not in self.found.values:
            return []
        vr, value = self._vr_and_value(tag)
        if vr in _NUMBERS:
            return self._numbers(tag, vr, value)
        # PostgreSQL keeps no NUL, and nobody reads one.
        text = self._decoded(vr, value).text.replace("\0", "")
        parts = [text] if vr in _ONE_VALUE else text.split("\\")
        parts = [part.strip() for part in parts]
        return parts if any(parts) else []

    def text(self, tag: int) -> str:
        """The values joined by backslashes, as in the data set."""
        return "\\".join(self.values(tag))

    def note(self) -> str:
        """What in this header is read as well as it goes, for people; empty when it is as the standard wants it."""
        notes = [self.oddity] if self.oddity else []
        if self.found.unchecked:
            notes.append(f"Only its beginning was checked: {self.found.unchecked}.")
        if self._character_sets.unknown:
            notes.append("Its Specific Character Set is unknown.")
        doubtful = [_name(tag) for tag in sorted(self._unusual()) if not self._is_exact(tag)]
        if doubtful:
            notes.append(f"Not in its Specific Character Set: {', '.join(doubtful)}.")
        return " ".join(notes)

    def _unusual(self) -> list[int]:
        """What is not plainly in the default repertoire, the same in every character set; numbers may be among it."""
        return [tag for tag, (_, value) in self.found.values.items() if not value.isascii() or b"\x1b" in value]

    @property
    def _character_sets(self) -> CharacterSets:
        _, terms = self.found.values.get(SPECIFIC_CHARACTER_SET, (b"", b""))
        return character_sets(terms)

    def _vr_and_value(self, tag: int) -> tuple[str, bytes]:
        """A known attribute under a VR that says nothing, such as UN, has the VR of the dictionary."""
        code, value = self.found.values[tag]
        vr = code.decode("ascii", "replace")
        return (vr if vr in _NUMBERS or vr in _TEXTS else _dictionary_vr(tag)), value

    def _numbers(self, tag: int, vr: str, value: bytes) -> list[str]:
        # The value of UN is in little endian whatever is around it (PS3.5 6.2.2).
        order = "<" if self.found.is_little_endian or self.found.values[tag][0] == b"UN" else ">"
        if vr == "AT":
            pairs = struct.unpack_from(f"{order}{len(value) // 4 * 2}H", value)
            return [f"{group:04X}{number:04X}" for group, number in zip(pairs[::2], pairs[1::2], strict=True)]
        size = struct.calcsize(_NUMBERS[vr])
        return [str(number) for number in struct.unpack_from(f"{order}{len(value) // size}{_NUMBERS[vr]}", value)]

    def _decoded(self, vr: str, value: bytes) -> Text:
        if vr not in _TRANSLATED:
            return DEFAULT_REPERTOIRE.text(value)
        return self._character_sets.text(value, NAME_DELIMITERS if vr == "PN" else TEXT_DELIMITERS)

    def _is_exact(self, tag: int) -> bool:
        vr, value = self._vr_and_value(tag)
        return vr in _NUMBERS or tag == SPECIFIC_CHARACTER_SET or self._decoded(vr, value).is_exact


def read_header(path: Path, wanted: frozenset[int]) -> Header:
    """Read the header of a Part 10 file; its pixel data is passed over, not read.

    Raises:
        NotPart10: no File Meta Information.
        MalformedDataSet: the data set cannot be walked.
        OSError: the file cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        meta = read_file_meta(file)
        size = os.fstat(file.fileno()).st_size
        if size <= meta.data_set_offset:
            raise MalformedDataSet("the file holds no data set")
        beginning = os.pread(file.fileno(), BEGINNING_BYTES, meta.data_set_offset)
        found = scan_beginning(beginning, size - meta.data_set_offset, meta.transfer_syntax_uid, wanted)
        if found is None:
            # Not closed by hand: views of it live as long as a traceback does, and closing earlier is an error.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            found = scan(memoryview(mapped)[meta.data_set_offset :], meta.transfer_syntax_uid, wanted)
    return Header(meta, found, size, *_receipt(meta))


def read_header_with(path: Path, found: Scan) -> Header:
    """The header of a Part 10 file whose data set another reader has read."""
    with path.open("rb") as file:
        meta = read_file_meta(file)
        return Header(meta, found, os.fstat(file.fileno()).st_size, *_receipt(meta))


def receipt_bytes(*, source_address: str, received_at: datetime, fetched_from: str = "") -> bytes:
    """Private Information (0002,0102): what ``reindex`` cannot know from the data set."""
    receipt = {"source_address": source_address, "received_at": received_at.isoformat()}
    return json.dumps(receipt | ({"fetched_from": fetched_from} if fetched_from else {})).encode()


def _receipt(meta: FileMeta) -> tuple[str, datetime | None, str]:
    if meta.text(0x0100) != IMPLEMENTATION_CLASS_UID:
        return "", None, ""
    try:
        receipt = json.loads(meta.elements.get(0x0102, b"{}").rstrip(b"\0"))
        received_at = datetime.fromisoformat(receipt["received_at"]).astimezone(UTC)
        return str(receipt["source_address"]), received_at, str(receipt.get("fetched_from", ""))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return "", None, ""  # anybody may write a file that says it came from us


def _dictionary_vr(tag: int) -> str:
    try:
        return dictionary_VR(tag).split(" or ")[0]
    except KeyError:
        return "LO"


def _name(tag: int) -> str:
    return dictionary_description(tag) if dictionary_has_tag(tag) else f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
