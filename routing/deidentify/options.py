"""What a de-identification may keep beside the Basic Profile (PS3.15 E.3), and how it is said afterwards (CID 7050)."""

from dataclasses import dataclass

from django.utils.translation import gettext_noop

EDITION = "PS3.15 2026c"
BASIC = "basic"
PROFILES = {BASIC: "Basic Application Level Confidentiality Profile"}
ACCEPT_BURNED_IN_RISK = "accept_burned_in_risk"


@dataclass(frozen=True)
class Option:
    """An option of the standard.

    Attributes:
        code: in CID 7050; empty for what is none of the standard's.
        meaning: of the code.
        words: what it does, for the editor.
    """

    code: str
    meaning: str
    words: str


OPTIONS = {
    "retain_uids": Option("113110", "Retain UIDs Option", gettext_noop("Keep the UIDs.")),
    "retain_device_identity": Option(
        "113109", "Retain Device Identity Option", gettext_noop("Keep what identifies the device.")
    ),
    "retain_institution_identity": Option(
        "113112", "Retain Institution Identity Option", gettext_noop("Keep name and address of the institution.")
    ),
    "retain_patient_characteristics": Option(
        "113108", "Retain Patient Characteristics Option", gettext_noop("Keep sex, age, size, weight and the like.")
    ),
    "retain_full_dates": Option(
        "113106",
        "Retain Longitudinal Temporal Information Full Dates Option",
        gettext_noop("Keep dates and times as they are."),
    ),
    "retain_modified_dates": Option(
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
        gettext_noop("Keep times, and move all dates of a patient by the same number of days."),
    ),
    "clean_descriptors": Option(
        "113105",
        "Clean Descriptors Option",
        gettext_noop("Keep of descriptions the words that medicine uses; drop all others."),
    ),
    "clean_structured_content": Option(
        "113104",
        "Clean Structured Content Option",
        gettext_noop("Keep the content of reports without names, dates and free words."),
    ),
    "clean_graphics": Option(
        "113103", "Clean Graphics Option", gettext_noop("Keep drawn lines; remove their text, and overlays.")
    ),
    "retain_safe_private": Option(
        "113111",
        "Retain Safe Private Option",
        gettext_noop("Keep the private attributes that the standard lists as safe."),
    ),
    ACCEPT_BURNED_IN_RISK: Option(
        "", "", gettext_noop("Send also what may show the patient's name in its pixels: the risk is yours.")
    ),
}
BASIC_CODE = ("113100", "Basic Application Confidentiality Profile")
