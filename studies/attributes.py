"""The one table of indexed attributes: what the header scan takes, and the column each goes to (PS3.4 C.6.2.1)."""

from dataclasses import dataclass
from enum import StrEnum

from pydicom.datadict import dictionary_VR, tag_for_keyword


class Level(StrEnum):
    """Query/retrieve levels of the Study Root model (PS3.4 C.6.2.1)."""

    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


@dataclass(frozen=True)
class Attribute:
    """One attribute of the index: keyword, level, and the model field that holds it."""

    keyword: str
    level: Level
    field: str

    @property
    def tag(self) -> int:
        """The tag as an int, such as 0x00100020."""
        tag = tag_for_keyword(self.keyword)
        assert tag is not None  # noqa: S101 (a keyword of this table that pydicom does not know is a typing error)
        return tag

    @property
    def vr(self) -> str:
        """Value Representation by the data dictionary."""
        return dictionary_VR(self.tag)


ATTRIBUTES = (
    Attribute("StudyInstanceUID", Level.STUDY, "study_instance_uid"),
    Attribute("PatientID", Level.STUDY, "patient_id"),
    Attribute("IssuerOfPatientID", Level.STUDY, "issuer_of_patient_id"),
    Attribute("PatientName", Level.STUDY, "patient_name"),
    Attribute("PatientBirthDate", Level.STUDY, "patient_birth_date"),
    Attribute("PatientSex", Level.STUDY, "patient_sex"),
    Attribute("StudyDate", Level.STUDY, "study_date"),
    Attribute("StudyTime", Level.STUDY, "study_time"),
    Attribute("AccessionNumber", Level.STUDY, "accession_number"),
    Attribute("StudyID", Level.STUDY, "study_id"),
    Attribute("StudyDescription", Level.STUDY, "study_description"),
    Attribute("ReferringPhysicianName", Level.STUDY, "referring_physician_name"),
    Attribute("InstitutionName", Level.STUDY, "institution_name"),
    Attribute("SeriesInstanceUID", Level.SERIES, "series_instance_uid"),
    Attribute("Modality", Level.SERIES, "modality"),
    Attribute("SeriesNumber", Level.SERIES, "series_number"),
    Attribute("SeriesDate", Level.SERIES, "series_date"),
    Attribute("SeriesTime", Level.SERIES, "series_time"),
    Attribute("SeriesDescription", Level.SERIES, "series_description"),
    Attribute("BodyPartExamined", Level.SERIES, "body_part_examined"),
    Attribute("Manufacturer", Level.SERIES, "manufacturer"),
    Attribute("StationName", Level.SERIES, "station_name"),
    Attribute("SOPInstanceUID", Level.IMAGE, "sop_instance_uid"),
    Attribute("SOPClassUID", Level.IMAGE, "sop_class_uid"),
    Attribute("InstanceNumber", Level.IMAGE, "instance_number"),
    Attribute("NumberOfFrames", Level.IMAGE, "number_of_frames"),
    Attribute("Rows", Level.IMAGE, "rows"),
    Attribute("Columns", Level.IMAGE, "columns"),
)
SPECIFIC_CHARACTER_SET = 0x00080005
INDEX_TAGS = frozenset({attribute.tag for attribute in ATTRIBUTES} | {SPECIFIC_CHARACTER_SET})


def of_level(level: Level) -> tuple[Attribute, ...]:
    """The attributes of one level, the unique key among them."""
    return tuple(attribute for attribute in ATTRIBUTES if attribute.level == level)
