"""Small instances in many transfer syntaxes, each with a UID of its own, as files for peers to send."""

from pathlib import Path

from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

UNCOMPRESSED = {
    "explicit": "CT_small.dcm",
    "implicit": "MR_small_implicit.dcm",
    "big endian": "MR_small_bigendian.dcm",
}
ENCAPSULATED = {
    "RLE": "MR_small_RLE.dcm",
    "JPEG": "SC_rgb_jpeg_dcmtk.dcm",
    "JPEG-LS": "MR_small_jpeg_ls_lossless.dcm",
    "JPEG 2000": "MR_small_jp2klossless.dcm",
}
DEFLATED = {"deflated": "image_dfl.dcm"}
WITHOUT_PIXELS = {"a plan": "rtplan.dcm"}
EVERY = UNCOMPRESSED | ENCAPSULATED | DEFLATED | WITHOUT_PIXELS


def write(folder: Path, names: dict[str, str], *, copies: int = 1) -> list[Path]:
    """Files of these instances under new UIDs, in a folder that is made."""
    folder.mkdir()
    written = []
    for number in range(copies):
        for name, source in names.items():
            ds = dcmread(str(get_testdata_file(source)))
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[name, str(number)])
            ds.setdefault("StudyInstanceUID", "1.2.3.4")
            ds.setdefault("SeriesInstanceUID", "1.2.3.4.5")
            path = folder / f"{name.replace(' ', '-')}-{number}.dcm"
            ds.save_as(path)
            written.append(path)
    return written
