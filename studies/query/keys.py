"""The one table of query keys: the indexed attributes, and those that are computed (PS3.4 C.3.4, C.6.1.1, C.6.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType

from pydicom.datadict import dictionary_VR, tag_for_keyword

from studies.attributes import ATTRIBUTES, Level


class QueryLevel(StrEnum):
    """Query/Retrieve Level (0008,0052), from the top to the bottom of Patient Root."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"

    @property
    def rank(self) -> int:
        """0 for PATIENT, more for what is below."""
        return _RANKS[self]


_RANKS = {level: rank for rank, level in enumerate(QueryLevel)}


class Kind(Enum):
    """Where a key's value is."""

    TEXT = "a column of text"
    NUMBER = "a column of whole numbers"
    LIST = "a column of texts between backslashes"
    SUM = "a sum over what was grouped"
    AVAILABILITY = "from the tier of the study"
    RETRIEVE_AE_TITLE = "the AE title of this gateway"
    SOP_CLASSES = "collected from the instances of a study"


@dataclass(frozen=True, eq=False)
class Key:
    """One attribute that may be asked for.

    Attributes:
        level: the highest at which it can be returned; below it, it is that of the study or series.
        field: of the model of that level; empty when it has no column of its own.
        is_matched: a value restricts what is found; else it is only returned.
        is_list: the attribute has a value for each of several things.
    """

    keyword: str
    level: QueryLevel
    field: str
    kind: Kind = Kind.TEXT
    is_matched: bool = True

    def __post_init__(self) -> None:
        tag = tag_for_keyword(self.keyword)
        assert tag is not None  # noqa: S101 (a keyword of this table that pydicom does not know is a typing error)
        object.__setattr__(self, "tag", tag)
        object.__setattr__(self, "vr", dictionary_VR(tag))
        object.__setattr__(self, "is_list", self.kind in {Kind.LIST, Kind.SOP_CLASSES})

    tag: int = 0
    vr: str = ""
    is_list: bool = False


PATIENT_KEYWORDS = frozenset({"PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"})
_NUMBERS = frozenset({"NumberOfFrames", "Rows", "Columns"})
_LEVELS = {Level.STUDY: QueryLevel.STUDY, Level.SERIES: QueryLevel.SERIES, Level.IMAGE: QueryLevel.IMAGE}


def _computed() -> tuple[Key, ...]:
    patient, study, series = QueryLevel.PATIENT, QueryLevel.STUDY, QueryLevel.SERIES
    return (
        Key("NumberOfPatientRelatedStudies", patient, "", Kind.SUM, is_matched=False),
        Key(
            "NumberOfPatientRelatedSeries",
            patient,
            "number_of_study_related_series",
            Kind.SUM,
            is_matched=False,
        ),
        Key(
            "NumberOfPatientRelatedInstances",
            patient,
            "number_of_study_related_instances",
            Kind.SUM,
            is_matched=False,
        ),
        Key("ModalitiesInStudy", study, "modalities_in_study", Kind.LIST),
        Key("SOPClassesInStudy", study, "", Kind.SOP_CLASSES),
        Key(
            "NumberOfStudyRelatedSeries",
            study,
            "number_of_study_related_series",
            Kind.NUMBER,
            is_matched=False,
        ),
        Key(
            "NumberOfStudyRelatedInstances",
            study,
            "number_of_study_related_instances",
            Kind.NUMBER,
            is_matched=False,
        ),
        Key(
            "NumberOfSeriesRelatedInstances",
            series,
            "number_of_series_related_instances",
            Kind.NUMBER,
            is_matched=False,
        ),
        Key("InstanceAvailability", study, "tier", Kind.AVAILABILITY, is_matched=False),
        Key("RetrieveAETitle", patient, "", Kind.RETRIEVE_AE_TITLE, is_matched=False),
    )


def _indexed() -> tuple[Key, ...]:
    return tuple(
        Key(
            attribute.keyword,
            QueryLevel.PATIENT if attribute.keyword in PATIENT_KEYWORDS else _LEVELS[attribute.level],
            attribute.field,
            Kind.NUMBER if attribute.keyword in _NUMBERS else Kind.TEXT,
        )
        for attribute in ATTRIBUTES
    )


KEYS = (*_indexed(), *_computed())
BY_TAG: Mapping[int, Key] = MappingProxyType({key.tag: key for key in KEYS})
BY_KEYWORD: Mapping[str, Key] = MappingProxyType({key.keyword: key for key in KEYS})
UNIQUE_KEYS: Mapping[QueryLevel, Key] = MappingProxyType(
    {
        QueryLevel.PATIENT: BY_KEYWORD["PatientID"],
        QueryLevel.STUDY: BY_KEYWORD["StudyInstanceUID"],
        QueryLevel.SERIES: BY_KEYWORD["SeriesInstanceUID"],
        QueryLevel.IMAGE: BY_KEYWORD["SOPInstanceUID"],
    }
)


def is_returned(level: QueryLevel, key: Key) -> bool:
    """Matches of this level have a value of the key; what is summed over patients only patients have."""
    return key.level.rank <= level.rank and (key.kind is not Kind.SUM or level is QueryLevel.PATIENT)
