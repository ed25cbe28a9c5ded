"""UIDs that are replaced: those of things, such as instances, and not those of kinds of things (PS3.15 E.2)."""

import re

from routing.deidentify.pseudonyms import Pseudonyms
from routing.deidentify.table import Do, row_of
from routing.elements import DataSet, Element
from routing.tags import is_private

# UIDs of kinds of things, not of things.
_OF_KINDS = frozenset(
    (
        *(0x00080016, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x0008010D, 0x00080117, 0x00080118),
        *(0x00081150, 0x0008115A, 0x00083002, 0x0008040E, 0x00340003, 0x04000010, 0x04000510, 0x30100052, 0x30100053),
    )
)
_STANDARD_ROOT = "1.2.840.10008."
_OF_DEVICES = frozenset((0x00181002, 0x0018100B, 0x00080014))  # they stay with new_uids, which is not about privacy
_UID = re.compile(r"[0-9.]{1,64}")


def is_uid(text: str) -> bool:
    """It consists of what UIDs consist of."""
    return all(not uid or _UID.fullmatch(uid) for uid in text.split("\\"))


def replace_uids(element: Element, pseudonyms: Pseudonyms) -> None:
    """Put the new UIDs in the place of the old; those of kinds of things stay."""
    old = [uid.strip("\0 ") for uid in bytes(element.value).decode("ascii", "replace").split("\\")]
    new = [uid if not uid or _is_of_a_kind(element.tag, uid) else pseudonyms.uid(uid) for uid in old]
    if new != old:
        element.replace("UI", "\\".join(new).encode())


def replace_all_uids(ds: DataSet, pseudonyms: Pseudonyms) -> None:
    """Replace the UIDs of study, series and instance, and every reference to such, in sequences too.

    Private attributes stay as they are: what their UIDs mean nobody else knows.

    Raises:
        BadDataSet: a sequence in it cannot be followed.
    """
    for element in ds.elements:
        if element.is_sequence and not is_private(element.tag):
            for item in element.items:
                replace_all_uids(item, pseudonyms)
        elif element.likely_vr == "UI" and not is_private(element.tag) and element.tag not in _OF_DEVICES:
            replace_uids(element, pseudonyms)


def _is_of_a_kind(tag: int, uid: str) -> bool:
    if not _UID.fullmatch(uid):
        return False
    row = row_of(tag)
    return uid.startswith(_STANDARD_ROOT) or (tag in _OF_KINDS and (row is None or row.basic is not Do.NEW_UID))
