"""What a result says of itself: whose it is, and to which instances it refers (PS3.3 10.8, C.17.2, C.7.6.16.2.6).

References stand in many places: Referenced Series Sequence, Source Image Sequence, Derivation Image functional groups,
the evidence sequences and content items of a report. All of them name an instance by Referenced SOP Instance UID
(0008,1155), so its encoded tag is looked for wherever it stands. Nothing is decoded, so neither the depth nor the size
of what a worker sends matters; what is found in that way is believed only where it names an instance that was sent.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicomnet.part10 import DEFLATED, read_file_meta
from studies.attributes import INDEX_TAGS
from studies.inflate import inflate
from studies.reading import header_of

PATIENT_ID, ISSUER_OF_PATIENT_ID, SERIES_DESCRIPTION = 0x00100020, 0x00100021, 0x0008103E
REFERENCED_SOP_INSTANCE_UID = Tag("ReferencedSOPInstanceUID")
MAXIMUM_REFERENCES = 100_000
UID_BYTES = 64


@dataclass(frozen=True)
class Evidence:
    """What is compared with the request.

    Attributes:
        references: SOP Instance UIDs of the instances that it refers to, anywhere in it.
    """

    patient_id: str
    issuer_of_patient_id: str
    series_description: str
    references: frozenset[str]


def read_evidence(path: Path) -> Evidence:
    """Read one stored file.

    Raises:
        NotPart10, MalformedDataSet: it cannot be read.
        OSError: the file cannot be read.
    """
    header = header_of(path, INDEX_TAGS)
    return Evidence(
        patient_id=header.text(PATIENT_ID),
        issuer_of_patient_id=header.text(ISSUER_OF_PATIENT_ID),
        series_description=header.text(SERIES_DESCRIPTION),
        references=references_in(path),
    )


def references_in(path: Path) -> frozenset[str]:
    """SOP Instance UIDs that a Part 10 file refers to.

    Raises:
        NotPart10, MalformedDataSet: it has no File Meta Information, or cannot be inflated.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        meta = read_file_meta(file)
        # Not closed by hand: views of it live as long as a traceback does, and closing earlier is an error.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    syntax = UID(meta.transfer_syntax_uid)
    if syntax in DEFLATED:
        begun, _ = inflate(memoryview(mapped)[meta.data_set_offset :])
        return frozenset(_references(bytes(begun), 0, syntax))
    return frozenset(_references(mapped, meta.data_set_offset, syntax))


def _references(data: mmap.mmap | bytes, position: int, syntax: UID) -> Iterator[str]:
    order: Literal["big", "little"] = "big" if syntax == ExplicitVRBigEndian else "little"
    group, element = REFERENCED_SOP_INSTANCE_UID.group, REFERENCED_SOP_INSTANCE_UID.element
    tag = group.to_bytes(2, order) + element.to_bytes(2, order)
    for _ in range(MAXIMUM_REFERENCES):
        position = data.find(tag, position)
        if position < 0:
            return
        header = data[position + 4 : position + 8]
        # Explicit: the VR, then two bytes of length; implicit, within a private sequence too: four bytes of length.
        is_explicit = header[:2] == b"UI" and syntax != ImplicitVRLittleEndian
        length = int.from_bytes(header[2:] if is_explicit else header, order)
        if 0 < length <= UID_BYTES:
            value = bytes(data[position + 8 : position + 8 + length])
            yield value.rstrip(b"\0 ").decode("ascii", "replace")
        position += 8
