"""What a data set must hold to be taken in: its UIDs, valid, and those of the request (PS3.4 B.2.3)."""

import re

from dicomnet.services import StoreRequest
from studies.errors import MalformedDataSet, WrongInstance
from studies.scan import Scan

SOP_CLASS_UID, SOP_INSTANCE_UID = 0x00080016, 0x00080018
STUDY_INSTANCE_UID, SERIES_INSTANCE_UID = 0x0020000D, 0x0020000E
UIDS = {
    SOP_CLASS_UID: "SOP Class UID",
    SOP_INSTANCE_UID: "SOP Instance UID",
    STUDY_INSTANCE_UID: "Study Instance UID",
    SERIES_INSTANCE_UID: "Series Instance UID",
}
WANTED = frozenset(UIDS)
MAXIMUM_UID_LENGTH = 64
# Components without leading zeros (PS3.5 9.1). Devices that pad them with zeros exist and are taken in: what matters
# is that a UID is digits and dots, so that it can never be anything else to whoever reads it.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


def check_uids(found: Scan, request: StoreRequest) -> dict[int, str]:
    """Refuse what could not be found again, or is not what the request says; returns its UIDs by tag.

    Args:
        found: the scan for WANTED.
        request: what it came with.

    Raises:
        MalformedDataSet: a UID is missing or malformed (answered with 0xC000).
        WrongInstance: SOP Class or Instance UID differ from the request's (answered with 0xA900).
    """
    for name, value in (
        ("Affected SOP Class UID", request.sop_class_uid),
        ("Affected SOP Instance UID", request.sop_instance_uid),
    ):
        if not is_uid(value):
            raise MalformedDataSet(f"the request's {name} is missing or no UID")
    held = found.values
    uids = {tag: held[tag][1].rstrip(b"\0 ").decode("ascii", "replace") if tag in held else "" for tag in UIDS}
    for tag, name in UIDS.items():
        if not uids[tag]:
            raise MalformedDataSet(f"{name} is missing", tag)
        if not is_uid(uids[tag]):
            raise MalformedDataSet(f"{name} is no UID", tag)
    if uids[SOP_CLASS_UID] != request.sop_class_uid:
        raise WrongInstance("SOP Class UID is not the one of the request", SOP_CLASS_UID)
    if uids[SOP_INSTANCE_UID] != request.sop_instance_uid:
        raise WrongInstance("SOP Instance UID is not the one of the request", SOP_INSTANCE_UID)
    if request.study_instance_uid and uids[STUDY_INSTANCE_UID] != request.study_instance_uid:
        raise WrongInstance("Study Instance UID is not the one of the request", STUDY_INSTANCE_UID)
    return uids


def is_uid(value: str) -> bool:
    """Digits and dots, 1 to 64 characters."""
    return len(value) <= MAXIMUM_UID_LENGTH and _UID.fullmatch(value) is not None
