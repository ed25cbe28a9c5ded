"""File Meta Information of the DICOM File Format, read and written as bytes (PS3.10 7.1)."""

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.uid import DeflatedExplicitVRLittleEndian, JPIPHTJ2KReferencedDeflate

# Transfer syntaxes whose whole data set is one deflated stream (PS3.5 A.5).
DEFLATED = frozenset((DeflatedExplicitVRLittleEndian, JPIPHTJ2KReferencedDeflate))
PREFIX = b"\0" * 128 + b"DICM"
_EXPLICIT_SHORT = struct.Struct("<HH2sH")
_EXPLICIT_LONG = struct.Struct("<HH2sHL")
_LONG_VRS = frozenset((b"OB", b"UN", b"OW", b"UT", b"SQ", b"UC", b"UR"))
MAXIMUM_META_BYTES = 1 << 20
IMPLEMENTATION_CLASS_UID = "2.25.262868541346137270158240337416612419783"
IMPLEMENTATION_VERSION_NAME = "GANTRY_0_1"


class NotPart10(ValueError):
    """The file has no readable File Meta Information; the message says what is wrong."""


@dataclass(frozen=True)
class FileMeta:
    """What the File Meta Information says, and where the data set begins.

    Attributes:
        elements: value bytes by element number of group 0002, padding removed.
        data_set_offset: bytes from the start of the file to the data set.
    """

    elements: dict[int, bytes]
    data_set_offset: int

    def text(self, element: int) -> str:
        """The value of one element as text; empty when it is absent."""
        return self.elements.get(element, b"").decode("ascii", "replace")

    @property
    def sop_class_uid(self) -> str:
        """Media Storage SOP Class UID (0002,0002)."""
        return self.text(0x0002)

    @property
    def sop_instance_uid(self) -> str:
        """Media Storage SOP Instance UID (0002,0003)."""
        return self.text(0x0003)

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer Syntax UID (0002,0010)."""
        return self.text(0x0010)

    @property
    def sending_ae_title(self) -> str:
        """Sending Application Entity Title (0002,0017)."""
        return self.text(0x0017)

    @property
    def receiving_ae_title(self) -> str:
        """Receiving Application Entity Title (0002,0018)."""
        return self.text(0x0018)


def read_file_meta(file: BinaryIO) -> FileMeta:
    """Read group 0002 from an open Part 10 file; the group length may be missing or wrong.

    Where it is right the group ends there, whatever the data set begins with: a deflated one may begin with anything.

    Raises:
        NotPart10: no prefix, or the group ends before its last element.
    """
    head = os.pread(file.fileno(), 4096, 0)
    found = file_meta_in(head)
    while found is None:
        longer = _longer(file, head)
        found = file_meta_in(longer, is_whole=len(longer) == len(head))
        head = longer
    return found


def file_meta_in(head: bytes, *, is_whole: bool = False) -> FileMeta | None:
    """Group 0002 at the beginning of a Part 10 file.

    Args:
        head: its first bytes.
        is_whole: there are no more.

    Returns:
        None when more of the file is needed.

    Raises:
        NotPart10: as for ``read_file_meta``.
    """
    if len(head) < 132 and not is_whole:
        return None
    if head[128:132] != b"DICM":
        raise NotPart10("the DICM prefix is missing")
    elements: dict[int, bytes] = {}
    position, end = 132, -1
    while position != end:
        if len(head) < position + 12 and not is_whole:
            return None
        if head[position : position + 2] != b"\x02\x00":
            break
        try:
            element, length, position = _element(head, position)
        except struct.error as error:
            raise NotPart10("the File Meta Information is cut off") from error
        if len(head) < position + length:
            if is_whole:
                raise NotPart10("the File Meta Information is cut off")
            if len(head) > MAXIMUM_META_BYTES:
                raise NotPart10("the File Meta Information is too long")
            return None
        elements[element] = head[position : position + length].rstrip(b"\0 ")
        position += length
        if element == 0 and length == 4:
            end = position + int.from_bytes(head[position - 4 : position], "little")
    if 0x0010 not in elements:
        raise NotPart10("the Transfer Syntax UID (0002,0010) is missing")
    return FileMeta(elements, position)


def _element(head: bytes, position: int) -> tuple[int, int, int]:
    """Element number, length of the value and where the value begins."""
    _, element, vr, length = _EXPLICIT_SHORT.unpack_from(head, position)
    position += 8
    if vr in _LONG_VRS:
        (length,) = struct.unpack_from("<L", head, position)
        position += 4
    return element, length, position


def _longer(file: BinaryIO, head: bytes) -> bytes:
    if len(head) > MAXIMUM_META_BYTES:
        raise NotPart10("the File Meta Information is too long")
    return head + os.pread(file.fileno(), 65_536, len(head))


def file_meta_bytes(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    calling_ae_title: str = "",
    called_ae_title: str = "",
    private: bytes = b"",
) -> bytes:
    """Preamble, prefix and group 0002 of an instance (PS3.10 Table 7.1-1).

    Args:
        sop_class_uid: of the C-STORE request.
        sop_instance_uid: of the C-STORE request.
        transfer_syntax_uid: of the accepted presentation context.
        calling_ae_title: goes to Source (0002,0016) and Sending AE Title (0002,0017); empty: neither is written.
        called_ae_title: goes to Receiving AE Title (0002,0018), likewise.
        private: goes to Private Information (0002,0102), with Gantry as its creator.
    """
    body = _long(0x0001, b"OB", b"\0\1") + _short(0x0002, b"UI", sop_class_uid)
    body += _short(0x0003, b"UI", sop_instance_uid) + _short(0x0010, b"UI", transfer_syntax_uid)
    body += _short(0x0012, b"UI", IMPLEMENTATION_CLASS_UID) + _short(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME)
    if calling_ae_title:
        body += _short(0x0016, b"AE", calling_ae_title) + _short(0x0017, b"AE", calling_ae_title)
    if called_ae_title:
        body += _short(0x0018, b"AE", called_ae_title)
    if private:
        body += _short(0x0100, b"UI", IMPLEMENTATION_CLASS_UID) + _long(0x0102, b"OB", private)
    return PREFIX + _EXPLICIT_SHORT.pack(2, 0, b"UL", 4) + struct.pack("<L", len(body)) + body


def _short(element: int, vr: bytes, text: str) -> bytes:
    value = text.encode("ascii", "replace")
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    return _EXPLICIT_SHORT.pack(2, element, vr, len(value)) + value


def _long(element: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return _EXPLICIT_LONG.pack(2, element, vr, 0, len(value)) + value
