"""Attributes that the condition editor suggests, by keyword and name; any other keyword or tag may be typed."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydicom.datadict import dictionary_description

from routing.conditions import ASSOCIATION_ATTRIBUTES, RECEIPT_ATTRIBUTES

_SUGGESTED = (
    "Modality",
    "BodyPartExamined",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "PatientID",
    "AccessionNumber",
    "InstitutionName",
    "InstitutionalDepartmentName",
    "ReferringPhysicianName",
    "Manufacturer",
    "ManufacturerModelName",
    "StationName",
    "SOPClassUID",
    "ImageType",
    "SliceThickness",
    "PatientSex",
    "StudyDate",
    "NumberOfFrames",
)
_OF_THE_ASSOCIATION = {
    "CallingAETitle": gettext_noop("Title under which the sender calls"),
    "CalledAETitle": gettext_noop("Title that the sender calls"),
    "SourceAddress": gettext_noop("Network address of the sender"),
    "TransferSyntaxUID": gettext_noop("How the pixel data is encoded"),
}


def common_attributes() -> list[tuple[str, str]]:
    """Keyword and name of each; the names of the data dictionary are English, as the standard has them."""
    return [
        *((name, dictionary_description(name)) for name in _SUGGESTED),
        *((name, _(_OF_THE_ASSOCIATION[name])) for name in ASSOCIATION_ATTRIBUTES),
        *((name, _(words)) for name, words in RECEIPT_ATTRIBUTES.items()),
    ]
