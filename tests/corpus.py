"""Data sets for tests: a small valid one, its encodings, and the malformed ones that a gateway meets."""

import zlib
from functools import cache
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from dicomnet.part10 import file_meta_bytes, read_file_meta

CT = str(CTImageStorage)
EXPLICIT = str(ExplicitVRLittleEndian)
_LONG_FORM = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


def element(tag: int, vr: str, value: bytes, *, length: int | None = None) -> bytes:
    """One element in Explicit VR Little Endian, padded; ``length`` may lie."""
    value += (b"\0" if vr in {"UI", "OB", "UN"} else b" ") * (len(value) % 2)
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + vr.encode()
    size = len(value) if length is None else length
    if vr in _LONG_FORM:
        return head + b"\0\0" + size.to_bytes(4, "little") + value
    return head + size.to_bytes(2, "little") + value


def delimiter(tag: int, length: int = 0) -> bytes:
    """The header of an item or a delimiter."""
    return (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + length.to_bytes(4, "little")


def data_set(
    *,
    sop_class_uid: bytes | None = CT.encode(),
    sop_instance_uid: bytes | None = None,
    study_instance_uid: bytes | None = b"1.2.3.4",
    series_instance_uid: bytes | None = b"1.2.3.4.5",
    modality: bytes = b"CT",
    early: bytes = b"",
    late: bytes = b"",
) -> bytes:
    """A small instance in Explicit VR Little Endian; None leaves an element out.

    Args:
        early: encoded elements between the groups 0008 and 0020.
        late: encoded elements after group 0020.
    """
    parts = [
        (0x00080016, "UI", sop_class_uid),
        (0x00080018, "UI", sop_instance_uid),
        (0x00080060, "CS", modality),
    ]
    out = b"".join(element(tag, vr, value) for tag, vr, value in parts if value is not None) + early
    parts = [(0x0020000D, "UI", study_instance_uid), (0x0020000E, "UI", series_instance_uid)]
    return out + b"".join(element(tag, vr, value) for tag, vr, value in parts if value is not None) + late


def nested(depth: int) -> bytes:
    """Sequences of undefined length that stand in each other so deep."""
    opened = element(0x00400275, "SQ", b"", length=UNDEFINED) + delimiter(ITEM, UNDEFINED)
    return opened * depth + (delimiter(ITEM_END) + delimiter(SEQUENCE_END)) * depth


def deflated(data: bytes) -> bytes:
    """A deflated data set (PS3.5 A.5); its length may be odd."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


@cache
def bomb(uid: bytes) -> bytes:
    """About 1 MB that inflates to 1 GB of private elements after the UIDs."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = deflater.compress(data_set(sop_instance_uid=uid)) + deflater.flush(zlib.Z_FULL_FLUSH)
    # After a full flush a block refers to nothing before it, so the same megabyte can be said a thousand times.
    block = deflater.compress(element(0x00991010, "OB", bytes((1 << 20) - 12))) + deflater.flush(zlib.Z_FULL_FLUSH)
    return first + block * 1024 + deflater.flush()


def encoded(ds: Dataset, transfer_syntax_uid: str) -> bytes:
    """A data set as pydicom writes it in a transfer syntax."""
    syntax = UID(transfer_syntax_uid)
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
    write_dataset(buffer, ds)
    written: bytes = buffer.getvalue()
    return deflated(written) if syntax.is_deflated else written


def part10(
    data: bytes, *, sop_instance_uid: str, transfer_syntax_uid: str = EXPLICIT, sop_class_uid: str = CT
) -> bytes:
    """A file as the listener writes it, without a receipt."""
    return (
        file_meta_bytes(
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
            calling_ae_title="MODALITY",
            called_ae_title="GANTRY",
        )
        + data
    )


def write_part10(folder: Path, data: bytes | None = None, *, uid: str = "", syntax: str = EXPLICIT) -> Path:
    """Write one instance to a folder and return its path."""
    uid = uid or str(generate_uid())
    path = folder / f"{uid}.dcm"
    content = data_set(sop_instance_uid=uid.encode()) if data is None else data
    path.write_bytes(part10(content, sop_instance_uid=uid, transfer_syntax_uid=syntax))
    return path


def data_set_bytes(path: Path) -> bytes:
    """The data set of a Part 10 file as it is encoded there."""
    with path.open("rb") as file:
        offset = read_file_meta(file).data_set_offset
    return path.read_bytes()[offset:]


def _is_instance(path: Path) -> bool:
    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
    except (pydicom.errors.InvalidDicomError, OSError, EOFError):
        return False
    needed = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    return all(ds.get(keyword) for keyword in needed) and bool(ds.file_meta.get("TransferSyntaxUID"))


@cache
def pydicom_files() -> tuple[Path, ...]:
    """The instances among the files that come with pydicom, in a fixed order; nothing is downloaded."""
    root = Path(pydicom.__file__).parent / "data"
    found = [*(root / "test_files").rglob("*.dcm"), *(root / "charset_files").glob("*.dcm")]
    return tuple(sorted(path for path in found if _is_instance(path)))


@cache
def one_of_each_encoding() -> dict[str, bytes]:
    """The same instance in the four encodings, by transfer syntax."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "1.2.3.9"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.4", "1.2.3.4.5"
    ds.PatientID, ds.Modality, ds.Rows = "P1", "CT", 512
    ds.SeriesNumber, ds.PatientName = 7, "Doe^Jane"
    ds.OtherPatientIDsSequence = [Dataset()]
    ds.OtherPatientIDsSequence[0].PatientID = "not this one"
    syntaxes = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
    return {str(syntax): encoded(ds, syntax) for syntax in syntaxes}


def as_file(data: bytes) -> BytesIO:
    """Bytes to read from."""
    return BytesIO(data)
