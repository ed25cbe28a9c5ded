"""What a de-identified instance says of its de-identification (PS3.15 E.1.1, PS3.3 C.7.1.1, C.12.1.1)."""

from routing.deidentify.items import put_sequence
from routing.deidentify.options import BASIC, BASIC_CODE, EDITION, OPTIONS, PROFILES
from routing.elements import DataSet

PATIENT_IDENTITY_REMOVED, METHOD, METHOD_CODE_SEQUENCE = 0x00120062, 0x00120063, 0x00120064
LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED = 0x00280303
_CODE_VALUE, _CODING_SCHEME, _CODE_MEANING = 0x00080100, 0x00080102, 0x00080104
_METHOD_LENGTH = 64


def say_what_was_done(ds: DataSet, options: frozenset[str]) -> None:
    """Patient Identity Removed, the method in words and codes, and what became of dates."""
    chosen = [option for name, option in OPTIONS.items() if name in options]
    ds.put(PATIENT_IDENTITY_REMOVED, "CS", b"YES")
    words = [f"Gantry, {EDITION}", PROFILES[BASIC], *(option.meaning for option in chosen if option.meaning)]
    ds.put(METHOD, "LO", "\\".join(line[:_METHOD_LENGTH] for line in words).encode())
    codes = [BASIC_CODE, *((option.code, option.meaning) for option in chosen if option.code)]
    items = [
        [
            (_CODE_VALUE, "SH", code.encode()),
            (_CODING_SCHEME, "SH", b"DCM"),
            (_CODE_MEANING, "LO", meaning[:_METHOD_LENGTH].encode()),
        ]
        for code, meaning in codes
    ]
    put_sequence(ds, METHOD_CODE_SEQUENCE, items)
    dates = "UNMODIFIED" if "retain_full_dates" in options else "REMOVED"
    dates = "MODIFIED" if "retain_modified_dates" in options else dates
    ds.put(LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, "CS", dates.encode())
