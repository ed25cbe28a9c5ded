"""A DICOMDIR, the directory of a file-set (PS3.3 F), from what the index knows; offsets are counted, then filled in.

Records are written in the order patient, study, series, instances, each followed by what belongs to it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from dicomnet.part10 import file_meta_bytes

CHARACTER_SET = "ISO_IR 192"
_ITEM_HEADER = 8
# Where the offsets stand in an encoded record: they are its first elements, each with a header of 8 bytes.
_NEXT_AT, _LOWER_AT, _IN_USE = 8, 30, 0xFFFF


@dataclass
class Record:
    """A directory record with what is below it (PS3.3 F.3.2.2).

    Attributes:
        kind: Directory Record Type (0004,1430).
        keys: its attributes, without those that link it.
        file_id: components of Referenced File ID; empty for a record that refers to no file.
        sop_class_uid: of the file it refers to; likewise the two that follow.
    """

    kind: str
    keys: Dataset
    file_id: tuple[str, ...] = ()
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    transfer_syntax_uid: str = ""
    below: list["Record"] = field(default_factory=list)


def dicomdir(patients: list[Record], *, file_set_uid: str) -> bytes:
    """The file DICOMDIR of these patients.

    Args:
        patients: PATIENT records with studies, series and instances below them.
        file_set_uid: SOP Instance UID of the directory.
    """
    meta = file_meta_bytes(
        sop_class_uid=MediaStorageDirectoryStorage,
        sop_instance_uid=file_set_uid,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    ordered = list(_walk(patients))
    encoded = {id(record): _encode(record) for record in ordered}
    size = sum(_ITEM_HEADER + len(content) for content in encoded.values())
    head = _head(0, 0, size)
    place, places = len(meta) + len(head), {}
    for record in ordered:
        places[id(record)] = place
        place += _ITEM_HEADER + len(encoded[id(record)])
    following = _following(patients)
    out = BytesIO()
    out.write(meta)
    out.write(_head(places[id(patients[0])], places[id(patients[-1])], size) if patients else _head(0, 0, 0))
    for record in ordered:
        content = encoded[id(record)]
        after, lower = following.get(id(record)), record.below[0] if record.below else None
        _patch(content, _NEXT_AT, places[id(after)] if after is not None else 0)
        _patch(content, _LOWER_AT, places[id(lower)] if lower is not None else 0)
        out.write(struct.pack("<HHL", 0xFFFE, 0xE000, len(content)))
        out.write(content)
    return out.getvalue()


def _walk(records: list[Record]) -> Iterator[Record]:
    for record in records:
        yield record
        yield from _walk(record.below)


def _following(records: list[Record]) -> dict[int, Record]:
    """For each record the next of the same directory entity."""
    found = {id(record): after for record, after in pairwise(records)}
    for record in records:
        found |= _following(record.below)
    return found


def _head(first: int, last: int, size_bytes: int) -> bytes:
    """What is before the items of the Directory Record Sequence (0004,1220)."""
    file_set_id = struct.pack("<HH2sH", 0x0004, 0x1130, b"CS", 0)
    offsets = struct.pack("<HH2sHL", 0x0004, 0x1200, b"UL", 4, first) + struct.pack(
        "<HH2sHL", 0x0004, 0x1202, b"UL", 4, last
    )
    consistency = struct.pack("<HH2sHH", 0x0004, 0x1212, b"US", 2, 0)
    sequence = struct.pack("<HH2sHL", 0x0004, 0x1220, b"SQ", 0, size_bytes)
    return file_set_id + offsets + consistency + sequence


def _encode(record: Record) -> bytearray:
    """The item's content with zeros for its two offsets."""
    links = struct.pack("<HH2sHL", 0x0004, 0x1400, b"UL", 4, 0)
    links += struct.pack("<HH2sHH", 0x0004, 0x1410, b"US", 2, _IN_USE)
    links += struct.pack("<HH2sHL", 0x0004, 0x1420, b"UL", 4, 0)
    keys = Dataset()
    keys.DirectoryRecordType = record.kind
    if record.file_id:
        keys.ReferencedFileID = list(record.file_id)
        keys.ReferencedSOPClassUIDInFile = record.sop_class_uid
        keys.ReferencedSOPInstanceUIDInFile = record.sop_instance_uid
        keys.ReferencedTransferSyntaxUIDInFile = record.transfer_syntax_uid
    keys.SpecificCharacterSet = CHARACTER_SET
    keys.update(record.keys)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, keys, CHARACTER_SET)
    return bytearray(links + buffer.getvalue())


def _patch(content: bytearray, place: int, offset: int) -> None:
    struct.pack_into("<L", content, place, offset)
