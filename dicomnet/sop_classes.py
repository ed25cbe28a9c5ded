"""Storage SOP Classes as people write them: by keyword or by UID (PS3.6 Annex A, PS3.4 B.5)."""

from difflib import get_close_matches

from pydicom.uid import UID, UID_dictionary  # type: ignore[attr-defined]
from pynetdicom.service_class import ServiceClass, StorageServiceClass
from pynetdicom.sop_class import uid_to_service_class

BY_KEYWORD = {
    keyword: uid for uid, (_, kind, _, _, keyword) in UID_dictionary.items() if kind == "SOP Class" and keyword
}


class UnknownSopClass(ValueError):
    """The text names no storage SOP Class; the message is for the person who typed it."""


def is_storage(uid: str) -> bool:
    """A storage class, or one that no service claims: private ones, and those of later editions."""
    return uid_to_service_class(uid) in {StorageServiceClass, ServiceClass}


def normal_sop_class(text: str) -> str:
    """The UID of a storage SOP Class.

    Args:
        text: its UID, or its keyword such as ``CTImageStorage``.

    Raises:
        UnknownSopClass: neither.
    """
    name = text.strip()
    uid = BY_KEYWORD.get(name, name)
    if not UID(uid, validation_mode=0).is_valid or not uid:
        close = get_close_matches(name, BY_KEYWORD, n=1)
        advice = f"did you mean {close[0]}?" if close else "write it as CTImageStorage, or as its UID."
        raise UnknownSopClass(f"“{name}” is no SOP Class: {advice}")
    if not is_storage(uid) or UID_dictionary.get(uid, ("", "SOP Class"))[1] != "SOP Class":
        raise UnknownSopClass(f"“{name}” is not a SOP Class of storage.")
    return uid


def keyword_of(uid: str) -> str:
    """Its keyword; the UID itself when the standard does not know it."""
    return (UID_dictionary[uid][4] if uid in UID_dictionary else "") or uid
