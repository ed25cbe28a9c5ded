"""The header of one stored instance as text: values decoded by VR and character set (PS3.5 6.1, 6.2)."""

import json
import mmap
import struct
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, FileMeta, read_file_meta
from studies.attributes import SPECIFIC_CHARACTER_SET
from studies.errors import MalformedDataSet
from studies.scan import Scan, scan

_BINARY = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
# VRs whose text is in the Specific Character Set (PS3.5 6.1.2.3); the others are in the default repertoire.
_TRANSLATED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_ONE_VALUE = frozenset({"LT", "ST", "UT", "UR"})


@dataclass(frozen=True)
class Header:
    """File Meta Information and the wanted attributes of one Part 10 file.

    Attributes:
        meta: group 0002, and where the data set begins.
        found: the wanted elements as the scan found them.
        size_bytes: of the file.
        received_at: when the listener had it whole; None for a file that did not come by the listener.
    """

    meta: FileMeta
    found: Scan
    size_bytes: int
    source_address: str
    received_at: datetime | None

    def values(self, tag: int) -> list[str]:
        """All values of one attribute as text without padding; empty when it is absent or has no value."""
        if tag not in self.found.values:
            return []
        vr, value = self.found.values[tag]
        return self._decoded(tag, vr.decode("ascii") if vr else _vr(tag), value)

    def text(self, tag: int) -> str:
        """The values joined by backslashes, as in the data set."""
        return "\\".join(self.values(tag))

    def _decoded(self, tag: int, vr: str, value: bytes) -> list[str]:
        order = "<" if self.found.is_little_endian else ">"
        if vr in _BINARY:
            size = struct.calcsize(_BINARY[vr])
            count = len(value) // size
            return [str(number) for number in struct.unpack_from(f"{order}{count}{_BINARY[vr]}", value)]
        if vr == "AT":
            pairs = struct.unpack_from(f"{order}{len(value) // 4 * 2}H", value)
            return [f"{group:04X}{number:04X}" for group, number in zip(pairs[::2], pairs[1::2], strict=True)]
        text = self._text(vr, value).replace("\0", "")
        parts = [text] if vr in _ONE_VALUE else text.split("\\")
        parts = [part.strip() for part in parts]
        return parts if any(parts) else []

    def _text(self, vr: str, value: bytes) -> str:
        if vr not in _TRANSLATED or SPECIFIC_CHARACTER_SET not in self.found.values:
            return _default_repertoire(value)
        _, names = self.found.values[SPECIFIC_CHARACTER_SET]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a broken character set is read as well as it goes
            try:
                encodings = convert_encodings([name.strip() for name in names.decode("ascii", "replace").split("\\")])
                return decode_bytes(value, encodings, PN_DELIMS if vr == "PN" else TEXT_VR_DELIMS)
            except (LookupError, UnicodeError):
                return _default_repertoire(value)


def read_header(path: Path, wanted: frozenset[int]) -> Header:
    """Read the header of a Part 10 file; its pixel data is passed over, not read.

    Raises:
        NotPart10: no File Meta Information.
        MalformedDataSet: the data set cannot be walked.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        meta = read_file_meta(file)
        size = path.stat().st_size
        if size <= meta.data_set_offset:
            raise MalformedDataSet("the file holds no data set")
        # Not closed by hand: views of it live as long as a traceback does, and closing earlier is an error.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    found = scan(memoryview(mapped)[meta.data_set_offset :], meta.transfer_syntax_uid, wanted)
    source_address, received_at = _receipt(meta)
    return Header(meta, found, size, source_address, received_at)


def receipt_bytes(*, source_address: str, received_at: datetime) -> bytes:
    """Private Information (0002,0102): what ``reindex`` cannot know from the data set."""
    return json.dumps({"source_address": source_address, "received_at": received_at.isoformat()}).encode()


def _receipt(meta: FileMeta) -> tuple[str, datetime | None]:
    if meta.text(0x0100) != IMPLEMENTATION_CLASS_UID:
        return "", None
    try:
        receipt = json.loads(meta.elements.get(0x0102, b"{}").rstrip(b"\0"))
        return str(receipt["source_address"]), datetime.fromisoformat(receipt["received_at"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return "", None  # anybody may write a file that says it came from us


def _vr(tag: int) -> str:
    try:
        return dictionary_VR(tag).split(" or ")[0]
    except KeyError:
        return "LO"


def _default_repertoire(value: bytes) -> str:
    # ISO_IR 6 is ASCII; what is beyond it has no declared meaning, and Latin-1 loses no byte.
    return value.decode("ascii") if value.isascii() else value.decode("latin-1")
