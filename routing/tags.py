"""Attributes by keyword or tag: their names and VRs in the data dictionary (PS3.6 6)."""

import re

from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword

_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")


def tag_of(name: str) -> int | None:
    """The tag of a keyword, of ``(0010,0020)`` or of ``00100020``; None when it is neither."""
    if digits := _TAG.fullmatch(name.strip()):
        return int(digits[1] + digits[2], 16)
    return tag_for_keyword(name.strip())


def name_of(tag: int) -> str:
    """The keyword of a tag, else the tag in the form ``(0010,0020)``."""
    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def vr_of(tag: int) -> str:
    """The VR of a tag in the dictionary, the first where it names two; UN for what it does not know."""
    return vrs_of(tag)[0]


def vrs_of(tag: int) -> list[str]:
    """Every VR that the dictionary allows for a tag; UN for what it does not know."""
    if is_private(tag) or not dictionary_has_tag(tag):
        return ["LO"] if is_private_creator(tag) else ["UN"]
    return dictionary_VR(tag).split(" or ")


def has_one_value(tag: int) -> bool:
    """The dictionary allows one value only."""
    return dictionary_has_tag(tag) and dictionary_VM(tag) == "1"


def is_private(tag: int) -> bool:
    """Its group is odd (PS3.5 7.8)."""
    return bool(tag >> 16 & 1)


def is_private_creator(tag: int) -> bool:
    """It says whose a block of private elements is (PS3.5 7.8.1)."""
    return is_private(tag) and 0x10 <= (tag & 0xFFFF) <= 0xFF
