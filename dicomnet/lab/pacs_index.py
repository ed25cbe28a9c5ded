"""What the simulated PACS holds, in memory, and its answers at STUDY level (PS3.4 C.2.2.2, C.6.2.1)."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from threading import Lock

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

STUDY_KEYS = (
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyDescription", "PatientName",
    "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID",
)  # fmt: skip
INDEXED = (*STUDY_KEYS, "SpecificCharacterSet", "Modality", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_COUNTED = ("ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
_LISTED = ("StudyInstanceUID", "ModalitiesInStudy")


class _HeldStudy:
    """One study's attributes, from its first instance, and what belongs to it."""

    def __init__(self, ds: Dataset) -> None:
        self.attributes = {key: str(ds.get(key, "")) for key in STUDY_KEYS}
        self.modalities: set[str] = set()
        self.series: set[str] = set()
        self.instances: set[str] = set()

    def add(self, ds: Dataset) -> None:
        self.modalities.add(str(ds.get("Modality", "")))
        self.series.add(str(ds.get("SeriesInstanceUID", "")))
        self.instances.add(str(ds.SOPInstanceUID))

    def value(self, keyword: str) -> str | list[str]:
        match keyword:
            case "ModalitiesInStudy":
                return sorted(self.modalities)
            case "NumberOfStudyRelatedSeries":
                return str(len(self.series))
            case "NumberOfStudyRelatedInstances":
                return str(len(self.instances))
            case _:
                return self.attributes[keyword]


class Index:
    """The studies of the simulated PACS; safe to use from several associations."""

    def __init__(self) -> None:
        self._studies: dict[str, _HeldStudy] = {}
        self._lock = Lock()

    def add(self, ds: Dataset) -> None:
        """Take in one instance; the same instance again changes nothing."""
        with self._lock:
            uid = str(ds.get("StudyInstanceUID", ""))
            self._studies.setdefault(uid, _HeldStudy(ds)).add(ds)

    def counts(self) -> tuple[int, int]:
        """Studies and instances held."""
        with self._lock:
            return len(self._studies), sum(len(study.instances) for study in self._studies.values())

    def find(self, identifier: Dataset) -> Iterator[Dataset]:
        """One response identifier for each study that matches every key of the request."""
        with self._lock:
            held = list(self._studies.values())
        for study in held:
            if all(_matches(key, study.value(key), _wanted(identifier, key)) for key in (*STUDY_KEYS, *_COUNTED[:1])):
                yield _response(identifier, study)


def _wanted(identifier: Dataset, keyword: str) -> str:
    value = identifier.get(keyword)
    if value is None:
        return ""
    return "\\".join(map(str, value)) if isinstance(value, MultiValue | list) else str(value)


def _matches(keyword: str, held: str | list[str], wanted: str) -> bool:
    """Universal, list, range, wildcard and single value matching, in that order of trial."""
    if wanted in {"", "*"}:
        return True
    if keyword in _LISTED:
        return bool(set(wanted.split("\\")) & ({held} if isinstance(held, str) else set(held)))
    text = str(held)
    if keyword in {"StudyDate", "StudyTime", "PatientBirthDate"} and "-" in wanted:
        first, _, last = wanted.partition("-")
        return (not first or text >= first) and (not last or text[: len(last)] <= last)
    if keyword == "PatientName":
        text, wanted = text.casefold(), wanted.casefold()
    # Square brackets mean nothing in DICOM, but fnmatch would take them as a set.
    return fnmatchcase(text, wanted.replace("[", "[[]"))


def _response(identifier: Dataset, study: _HeldStudy) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.QueryRetrieveLevel = "STUDY"
    ds.StudyInstanceUID = study.attributes["StudyInstanceUID"]
    for keyword in (*STUDY_KEYS, *_COUNTED):
        if Tag(keyword) in identifier:
            setattr(ds, keyword, study.value(keyword))
    return ds
