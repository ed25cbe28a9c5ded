"""What the simulated PACS holds, in memory, and its answers at each level (PS3.4 C.2.2.2, C.6.2.1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from threading import Lock

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

STUDY_KEYS = (
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyDescription", "PatientName",
    "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID",
)  # fmt: skip
SERIES_KEYS = ("Modality", "SeriesNumber", "SeriesDescription", "SeriesInstanceUID")
IMAGE_KEYS = ("InstanceNumber", "SOPClassUID", "SOPInstanceUID")
INDEXED = (*STUDY_KEYS, *SERIES_KEYS, *IMAGE_KEYS, "SpecificCharacterSet")
LEVELS = ("STUDY", "SERIES", "IMAGE")
_LISTED = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "ModalitiesInStudy"})
# Keys of the levels above that a query must give (PS3.4 C.4.1.2.2).
_UNIQUE_ABOVE = {"STUDY": (), "SERIES": ("StudyInstanceUID",), "IMAGE": ("StudyInstanceUID", "SeriesInstanceUID")}

Values = Mapping[str, str | list[str]]


@dataclass
class _Held:
    """A study, a series or an instance: its attributes, from what came first, and what is in it by UID."""

    attributes: dict[str, str]
    inside: dict[str, "_Held"] = field(default_factory=dict)

    def instances(self) -> int:
        """How many instances of a study or a series."""
        return sum(one.instances() if one.inside else 1 for one in self.inside.values())


class Index:
    """The studies of the simulated PACS; safe to use from several associations."""

    def __init__(self) -> None:
        self._studies: dict[str, _Held] = {}
        self._instances: set[str] = set()
        self._lock = Lock()

    def add(self, ds: Dataset) -> None:
        """Take in one instance; the same instance again changes nothing."""
        with self._lock:
            study = _held(self._studies, ds, STUDY_KEYS, "StudyInstanceUID")
            series = _held(study.inside, ds, SERIES_KEYS, "SeriesInstanceUID")
            _held(series.inside, ds, IMAGE_KEYS, "SOPInstanceUID")
            self._instances.add(str(ds.SOPInstanceUID))

    def holds(self, sop_instance_uid: str) -> bool:
        """This instance is held."""
        with self._lock:
            return sop_instance_uid in self._instances

    def counts(self) -> tuple[int, int]:
        """Studies and instances held."""
        with self._lock:
            return len(self._studies), sum(study.instances() for study in self._studies.values())

    def lacks_key(self, identifier: Dataset) -> bool:
        """The request names no study or series for a level that needs them."""
        return not all(_wanted(identifier, key) for key in _UNIQUE_ABOVE[str(identifier.QueryRetrieveLevel)])

    def find(self, identifier: Dataset) -> Iterator[Dataset]:
        """One response identifier for each study, series or instance that matches every key of the request."""
        with self._lock:
            held = list(self._at(str(identifier.QueryRetrieveLevel)))
        for values in held:
            if all(_matches(key, values[key], _wanted(identifier, key)) for key in values if _is_key(key)):
                yield _response(identifier, values)

    def _at(self, level: str) -> Iterator[Values]:
        for study in self._studies.values():
            if level == "STUDY":
                yield _study_values(study)
                continue
            above = {"StudyInstanceUID": study.attributes["StudyInstanceUID"]}
            for series in study.inside.values():
                if level == "SERIES":
                    yield {**above, **series.attributes, "NumberOfSeriesRelatedInstances": str(series.instances())}
                    continue
                own = above | {"SeriesInstanceUID": series.attributes["SeriesInstanceUID"]}
                yield from ({**own, **image.attributes} for image in series.inside.values())


def _held(among: dict[str, _Held], ds: Dataset, keys: tuple[str, ...], uid: str) -> _Held:
    return among.setdefault(str(ds.get(uid, "")), _Held({key: str(ds.get(key, "")) for key in keys}))


def _study_values(study: _Held) -> Values:
    return {
        **study.attributes,
        "ModalitiesInStudy": sorted({series.attributes["Modality"] for series in study.inside.values()}),
        "NumberOfStudyRelatedSeries": str(len(study.inside)),
        "NumberOfStudyRelatedInstances": str(study.instances()),
    }


def _is_key(keyword: str) -> bool:
    return not keyword.startswith("NumberOf")


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


def _response(identifier: Dataset, values: Values) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.QueryRetrieveLevel = identifier.QueryRetrieveLevel
    for keyword, value in values.items():
        if keyword.endswith("InstanceUID") or Tag(keyword) in identifier:
            setattr(ds, keyword, value)
    return ds
