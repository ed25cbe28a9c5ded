"""How the header of an element is encoded in each kind of transfer syntax (PS3.5 7.1)."""

import struct
from dataclasses import dataclass

from pydicom.uid import UID, ImplicitVRLittleEndian

from routing.tags import name_of

LONG_FORM = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_TEXTS = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI")
SHORT_FORM = frozenset((*_TEXTS, "AT", "FD", "FL", "SL", "SS", "UL", "US"))
NUMBERS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}


class BadDataSet(ValueError):
    """The data set cannot be followed; the message says why, without anything that it holds."""


@dataclass(frozen=True)
class Encoding:
    """How elements are encoded (PS3.5 7.1)."""

    is_implicit: bool
    is_little_endian: bool

    @property
    def sign(self) -> str:
        """For struct."""
        return "<" if self.is_little_endian else ">"

    def tag(self, tag: int) -> bytes:
        """A tag as two numbers."""
        return struct.pack(self.sign + "HH", tag >> 16, tag & 0xFFFF)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """Tag, VR and length of an element.

        Raises:
            BadDataSet: the value is longer than its VR can say.
        """
        if tag >> 16 == 0xFFFE or self.is_implicit:
            return self.tag(tag) + struct.pack(self.sign + "L", length)
        if vr in LONG_FORM or vr not in SHORT_FORM:
            return self.tag(tag) + vr.encode() + b"\0\0" + struct.pack(self.sign + "L", length)
        if length > 0xFFFF:
            raise BadDataSet(f"the new value of {name_of(tag)} is too long")
        return self.tag(tag) + vr.encode() + struct.pack(self.sign + "H", length)


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """The encoding of a transfer syntax; encapsulated and deflated ones are explicit little endian."""
    syntax = UID(transfer_syntax_uid)
    return Encoding(syntax == ImplicitVRLittleEndian, syntax.is_little_endian)


def padded(vr: str, value: bytes) -> bytes:
    """A value of even length (PS3.5 6.2)."""
    return value + (b"\0" if vr in {"UI", "OB", "UN"} else b" ") * (len(value) % 2)
