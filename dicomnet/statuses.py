"""DIMSE statuses and association rejections in hexadecimal and in words (PS3.7 Annex C, PS3.4 B.2.3, PS3.8 9.3.4)."""

from enum import IntEnum


class StoreStatus(IntEnum):
    """Statuses that Gantry answers to a C-STORE request."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    NOT_AUTHORISED = 0x0124
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_MISMATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000


_WORDS = {
    0x0000: "Success",
    0x0105: "No such attribute",
    0x0106: "Invalid attribute value",
    0x0107: "Attribute list error",
    0x0110: "Processing failure",
    0x0111: "Duplicate SOP Instance",
    0x0112: "No such SOP Instance",
    0x0115: "Invalid argument value",
    0x0117: "Invalid SOP Instance",
    0x0119: "Class/instance conflict",
    0x0122: "SOP Class not supported",
    0x0123: "No such action",
    0x0124: "Not authorised",
    0x0131: "Duplicate transaction UID",
    0x0210: "Duplicate invocation",
    0x0211: "Unrecognised operation",
    0x0212: "Mistyped argument",
    0x0213: "Resource limitation",
    0xB000: "Warning: coercion of data elements",
    0xB006: "Warning: elements discarded",
    0xB007: "Warning: data set does not match SOP Class",
    0xFE00: "Cancelled",
}
_RANGES = (
    (0xA700, 0xA7FF, "Out of resources"),
    (0xA900, 0xA9FF, "Data set does not match SOP Class"),
    (0xC000, 0xCFFF, "Cannot understand"),
    (0xB000, 0xBFFF, "Warning"),
)
REJECT_RESULTS = {1: "permanently", 2: "for now"}
REJECT_REASONS = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognised",
    (1, 7): "called AE title not recognised",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}


def in_words(status: int) -> str:
    """``0xA700 Out of resources``: a status as people read it; works for codes the standard does not name."""
    return f"0x{status:04X} {meaning(status)}"


def meaning(status: int) -> str:
    """What a C-STORE status means."""
    if status in _WORDS:
        return _WORDS[status]
    for first, last, words in _RANGES:
        if first <= status <= last:
            return words
    return "Unknown status"


def is_stored(status: int) -> bool:
    """True for success and warnings: the peer keeps the instance (PS3.4 Table B.2-1)."""
    return status == 0x0000 or 0xB000 <= status <= 0xBFFF or status in {0x0001, 0x0107, 0x0116}


def rejection_in_words(result: int, source: int, reason: int) -> str:
    """An A-ASSOCIATE-RJ in words (PS3.8 Table 9-21)."""
    words = REJECT_REASONS.get((source, reason), "a reason that the standard does not name")
    return f"association rejected {REJECT_RESULTS.get(result, '')}: {words}".replace("  ", " ")
