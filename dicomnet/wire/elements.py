"""Data elements as bytes, in the two little-endian transfer syntaxes that everybody speaks (PS3.5 7.1, A.1, A.2)."""

import struct

_LONG_FORM = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_SHORT, _LONG = struct.Struct("<H"), struct.Struct("<L")
LONGEST_SHORT = 0xFFFE


def is_long(vr: str, *, is_explicit: bool) -> bool:
    """The length of a value takes four bytes, not two."""
    return not is_explicit or vr in _LONG_FORM


def begin(tag: int, vr: str, *, is_explicit: bool) -> bytes:
    """What stands before the length of a value."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not is_explicit:
        return head
    return head + vr.encode("ascii") + (b"\0\0" if vr in _LONG_FORM else b"")


def element(tag: int, vr: str, value: bytes, *, is_explicit: bool) -> bytes:
    """One element, padded to even length (PS3.5 6.2).

    Raises:
        ValueError: the value is too long for its VR.
    """
    if len(value) % 2:
        value += padding(vr)
    if is_long(vr, is_explicit=is_explicit):
        return begin(tag, vr, is_explicit=is_explicit) + _LONG.pack(len(value)) + value
    if len(value) > LONGEST_SHORT:
        raise ValueError("the value is too long")
    return begin(tag, vr, is_explicit=is_explicit) + _SHORT.pack(len(value)) + value


def padding(vr: str) -> bytes:
    """What makes an odd length even."""
    return b"\0" if vr in {"UI", "OB", "UN"} else b" "
