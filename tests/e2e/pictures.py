"""Instances with pixels for the viewer: received into a spool, indexed, and served as any others."""

import warnings
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path

from django.conf import settings
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from dicomnet.lab.phantoms import EPOCH, KINDS, one_study
from dicomnet.part10 import file_meta_in
from dicomnet.services import StoreRequest
from studies.index import index_spool
from studies.spool import Spool
from studies.uploads.take import CHUNK_BYTES

HOSTILE = '<img src=x onerror="document.title=1">'
# A file of pydicom's own for each way to encode pixels, and for objects that have none.
ODDITIES = {
    "JPEG baseline in colour": "examples_ybr_color.dcm",
    "JPEG extended with 12 bits": "JPEG-lossy.dcm",
    "JPEG lossless": "SC_rgb_jpeg_gdcm.dcm",
    "JPEG 2000": "examples_jpeg2k.dcm",
    "JPEG-LS": "MR_small_jpeg_ls_lossless.dcm",
    "RLE": "MR_small_RLE.dcm",
    "Big endian": "MR_small_bigendian.dcm",
    "Deflated": "image_dfl.dcm",
    "Palette": "examples_palette.dcm",
    "Frames of dose": "rtdose.dcm",
    "Segmentation": "liver_1frame.dcm",
    "Report": "reportsi.dcm",
    "Plan": "rtplan.dcm",
    "Waveform": "waveform_ecg.dcm",
}
ODD_STUDY = "1.2.826.0.1.3680043.8.498.77"
LETTER_STUDY = "1.2.826.0.1.3680043.8.498.78"


def store(data_sets: Iterable[Dataset]) -> None:
    """Receive and index them."""
    spool = Spool(settings.GANTRY.spool_dir, 100)
    spool.prepare()
    for ds in data_sets:
        buffer = BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds.save_as(buffer, enforce_file_format=True)
        data = buffer.getvalue()
        meta = file_meta_in(data, is_whole=True)
        assert meta is not None
        names = (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid)
        sink = spool.open(StoreRequest(*names, "CT_ROOM1", "GANTRY", "10.20.1.11"))
        for start in range(meta.data_set_offset, len(data), CHUNK_BYTES):
            sink.write(data[start : start + CHUNK_BYTES])
        answer = sink.commit()
        assert answer.status == 0, answer.comment
    while index_spool(spool):
        pass


@cache
def head(slices: int = 40) -> tuple[Dataset, ...]:
    """A CT of a head: two series of so many slices in all."""
    return tuple(one_study(KINDS["CT"][0], slices, seed=7, number=3, began_at=EPOCH))


def oddities() -> list[Dataset]:
    """One study with a series for each of them."""
    found: list[Dataset] = []
    for number, (words, name) in enumerate(ODDITIES.items(), 1):
        path = get_testdata_file(name)
        ds = dcmread(Path(str(path)))
        ds.StudyInstanceUID, ds.SeriesInstanceUID = UID(ODD_STUDY), UID(f"{ODD_STUDY}.{number}")
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(f"{ODD_STUDY}.{number}.1")
        ds.SeriesNumber, ds.SeriesDescription = number, words
        ds.PatientName, ds.PatientID, ds.StudyDescription = HOSTILE, HOSTILE, HOSTILE
        found.append(ds)
    return found


def letter() -> Dataset:
    """A study of one PDF with one page, which is red."""
    page = BytesIO()
    Image.new("RGB", (300, 300), "red").save(page, "PDF")
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = EncapsulatedPDFStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = UID(f"{LETTER_STUDY}.1.1")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = UID(LETTER_STUDY), UID(f"{LETTER_STUDY}.1")
    ds.PatientName, ds.PatientID, ds.StudyDate, ds.StudyTime = "Dunn^Naomi", "LAB-0004", "20260105", "080000"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.SeriesDescription = "DOC", 1, 1, "Letter"
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocument = page.getvalue() + bytes(page.tell() % 2)
    ds.EncapsulatedDocumentLength = page.tell()
    return ds
