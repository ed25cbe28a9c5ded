"""Directory records of stored studies: keys from the index, those of reports and the like from their files."""

import logging
import warnings

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.fileset import DIRECTORY_RECORDERS

from studies.media.dicomdir import Record
from studies.models import Instance, Series, Study
from studies.storage import hot_storage

logger = logging.getLogger(__name__)
_STORAGE = "1.2.840.10008.5.1.4.1.1."
# The record's type by the beginning of the SOP Class UID (PS3.3 F.5); the first that fits, all others are images.
_KINDS = (
    (f"{_STORAGE}88.59", "KEY OBJECT DOC"),
    (f"{_STORAGE}88.", "SR DOCUMENT"),
    (f"{_STORAGE}104.", "ENCAP DOC"),
    (f"{_STORAGE}11.", "PRESENTATION"),
    (f"{_STORAGE}9.", "WAVEFORM"),
    (f"{_STORAGE}481.2", "RT DOSE"),
    (f"{_STORAGE}481.3", "RT STRUCTURE SET"),
    (f"{_STORAGE}481.5", "RT PLAN"),
    (f"{_STORAGE}481.8", "RT PLAN"),
)


def patient_record(study: Study) -> Record:
    """PATIENT (PS3.3 F.5.1)."""
    keys = Dataset()
    keys.PatientName = study.patient_name
    # Type 1 in a directory: a patient without an identifier is still somebody.
    keys.PatientID = study.patient_id or "UNKNOWN"
    return Record("PATIENT", keys)


def study_record(study: Study) -> Record:
    """STUDY (PS3.3 F.5.2)."""
    keys = Dataset()
    keys.StudyDate = _date(study.study_date)
    keys.StudyTime = study.study_time or "000000"
    keys.StudyDescription = study.study_description
    keys.StudyInstanceUID = study.study_instance_uid
    keys.StudyID = study.study_id or "1"
    keys.AccessionNumber = study.accession_number
    return Record("STUDY", keys)


def series_record(series: Series) -> Record:
    """SERIES (PS3.3 F.5.3)."""
    keys = Dataset()
    keys.Modality = series.modality or "OT"
    keys.SeriesInstanceUID = series.series_instance_uid
    keys.SeriesNumber = _integer(series.series_number, 0)
    keys.SeriesDescription = series.series_description
    return Record("SERIES", keys)


def instance_record(instance: Instance, file_id: tuple[str, ...], number: int) -> Record | None:
    """The record of one file; None when the file lacks what its kind of record must say, so that none refers to it.

    Args:
        instance: with its row's attributes.
        file_id: where its file is in the file-set.
        number: for Instance Number when the instance has none.
    """
    kind = next((kind for prefix, kind in _KINDS if instance.sop_class_uid.startswith(prefix)), "IMAGE")
    keys = Dataset()
    keys.InstanceNumber = _integer(instance.instance_number, number)
    if kind == "IMAGE":
        if instance.rows is not None:
            keys.Rows, keys.Columns = instance.rows, instance.columns
        if instance.number_of_frames:
            keys.NumberOfFrames = instance.number_of_frames
    else:
        found = _keys_of_file(instance, kind, number)
        if found is None:
            return None
        keys.update(found)
    return Record(
        kind,
        keys,
        file_id,
        instance.sop_class_uid,
        instance.sop_instance_uid,
        instance.transfer_syntax_uid,
    )


def _keys_of_file(instance: Instance, kind: str, number: int) -> Dataset | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = dcmread(hot_storage().path(instance.location), stop_before_pixels=True, force=True)
            ds.InstanceNumber = _integer(instance.instance_number, number)
            keys = DIRECTORY_RECORDERS[kind](ds)
            keys.pop("ContentSequence", None)
            keys.decode()
            return keys
    except (InvalidDicomError, ValueError, KeyError, AttributeError, TypeError, NotImplementedError) as error:
        logger.info(
            "not in the directory", extra={"sop_class_uid": instance.sop_class_uid, "why": type(error).__name__}
        )
        return None


def _integer(text: str, otherwise: int) -> int:
    stripped = text.strip().removeprefix("+")
    return int(stripped) if stripped.lstrip("-").isdecimal() and len(stripped) <= 11 else otherwise


def _date(text: str) -> str:
    return text if len(text) == 8 and text.isdecimal() else "19000101"
