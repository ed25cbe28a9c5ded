"""Attributes that the condition editor suggests, by keyword and name; any other keyword or tag may be typed."""

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
    "CallingAETitle": "Title under which the sender calls",
    "CalledAETitle": "Title that the sender calls",
    "SourceAddress": "Network address of the sender",
    "TransferSyntaxUID": "How the pixel data is encoded",
}

COMMON_ATTRIBUTES = [
    *((name, dictionary_description(name)) for name in _SUGGESTED),
    *((name, _OF_THE_ASSOCIATION[name]) for name in ASSOCIATION_ATTRIBUTES),
    *RECEIPT_ATTRIBUTES.items(),
]
