"""Protocol data units and command sets as bytes (PS3.8 9.3, PS3.7 6.3.1)."""

import struct
from collections.abc import Iterable, Iterator

A_ASSOCIATE_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, P_DATA_TF = 1, 2, 3, 4
A_RELEASE_RQ, A_RELEASE_RP, A_ABORT = 5, 6, 7

PDU_HEADER = struct.Struct(">BxL")  # type and length of what follows (PS3.8 9.3.1)
PDV_HEADER = struct.Struct(">LBB")  # length of the rest, presentation context ID, message control header
PDU_HEADER_BYTES, PDV_HEADER_BYTES = PDU_HEADER.size, PDV_HEADER.size
IS_COMMAND, IS_LAST = 1, 2  # bits of the message control header (PS3.8 E.2)

# Elements of group 0000 (PS3.7 E.1).
AFFECTED_SOP_CLASS_UID, COMMAND_FIELD = 0x0002, 0x0100
MESSAGE_ID, MESSAGE_ID_BEING_RESPONDED_TO = 0x0110, 0x0120
MOVE_DESTINATION, PRIORITY, COMMAND_DATA_SET_TYPE, STATUS = 0x0600, 0x0700, 0x0800, 0x0900
OFFENDING_ELEMENT, ERROR_COMMENT, AFFECTED_SOP_INSTANCE_UID = 0x0901, 0x0902, 0x1000
REMAINING_SUB_OPERATIONS, COMPLETED_SUB_OPERATIONS = 0x1020, 0x1021
FAILED_SUB_OPERATIONS, WARNING_SUB_OPERATIONS = 0x1022, 0x1023
MOVE_ORIGINATOR_AE_TITLE, MOVE_ORIGINATOR_MESSAGE_ID = 0x1030, 0x1031
C_STORE_RQ, C_STORE_RSP, C_FIND_RQ, C_FIND_RSP = b"\x01\x00", b"\x01\x80", b"\x20\x00", b"\x20\x80"
C_GET_RQ, C_GET_RSP, C_MOVE_RQ, C_MOVE_RSP = b"\x10\x00", b"\x10\x80", b"\x21\x00", b"\x21\x80"
C_ECHO_RQ, C_CANCEL_RQ = b"\x30\x00", b"\xff\x0f"
NO_DATA_SET, HAS_DATA_SET = b"\x01\x01", b"\x00\x00"

MAXIMUM_COMMAND_BYTES = 65_536  # a command set is a few hundred bytes

_ELEMENT = struct.Struct("<HHL")


class MalformedPdu(ValueError):
    """Lengths within a PDU or a command set contradict each other."""


def command_set(elements: Iterable[tuple[int, bytes]]) -> bytes:
    """Encode a command set: values by element of group 0000 in ascending order; its group length is added."""
    body = b"".join(_ELEMENT.pack(0, element, len(value)) + value for element, value in elements)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def command_pdus(context_id: int, elements: Iterable[tuple[int, bytes]], fragment_bytes: int) -> bytes:
    """The P-DATA-TF PDUs of a message without data set."""
    return split(context_id, command_set(elements), IS_COMMAND, fragment_bytes)


def split(context_id: int, whole: bytes, control: int, fragment_bytes: int) -> bytes:
    """The P-DATA-TF PDUs of a command set or a data set.

    Args:
        context_id: of the presentation context.
        whole: the encoded set, not empty.
        control: IS_COMMAND or 0; the last fragment gets IS_LAST.
        fragment_bytes: the longest fragment that the peer takes; even (PS3.8 9.3.5.1).
    """
    out: list[bytes] = []
    for start in range(0, len(whole), fragment_bytes):
        piece = whole[start : start + fragment_bytes]
        last = IS_LAST if start + fragment_bytes >= len(whole) else 0
        out += fragment_header(context_id, len(piece), control | last), piece
    return b"".join(out)


def fragment_limit(maximum_pdu_bytes: int, own_limit: int) -> int:
    """The longest fragment to send to a peer with this maximum length (PS3.8 D.1); 0 means that it has none."""
    if not maximum_pdu_bytes:
        return own_limit
    return max(min(maximum_pdu_bytes - PDV_HEADER_BYTES, own_limit) & ~1, 2)


def fragment_header(context_id: int, length: int, control: int) -> bytes:
    """What stands before one fragment of ``length`` bytes that is alone in its P-DATA-TF PDU."""
    return PDU_HEADER.pack(P_DATA_TF, length + PDV_HEADER_BYTES) + PDV_HEADER.pack(length + 2, context_id, control)


def parse_command(command: bytes) -> dict[int, bytes]:
    """Split a command set, always Implicit VR Little Endian, into values by element.

    Raises:
        MalformedPdu: an element is not of group 0000, or is cut off.
    """
    elements: dict[int, bytes] = {}
    position, end = 0, len(command)
    while position < end:
        if position + 8 > end:
            raise MalformedPdu("a command set is cut off")
        group, element, length = _ELEMENT.unpack_from(command, position)
        position += 8
        if group or position + length > end:
            raise MalformedPdu("a command set holds what is no command element")
        elements[element] = command[position : position + length]
        position += length
    return elements


def fragments(body: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Presentation context ID, message control header and fragment of each PDV in a P-DATA-TF PDU's body.

    Raises:
        MalformedPdu: a length is impossible.
    """
    position = 0
    while position < len(body):
        if position + PDV_HEADER_BYTES > len(body):
            raise MalformedPdu("a presentation data value is cut off")
        length, context_id, control = PDV_HEADER.unpack_from(body, position)
        end = position + 4 + length
        if length < 2 or end > len(body):
            raise MalformedPdu("the lengths within a PDU contradict each other")
        yield context_id, control, body[position + PDV_HEADER_BYTES : end]
        position = end


def encode_uid(uid: str) -> bytes:
    """A UID as a value of VR UI: padded with a zero byte to even length (PS3.5 6.2)."""
    value = uid.encode("ascii")
    return value + b"\0" * (len(value) % 2)


def decode_uid(value: bytes) -> str:
    """The UID in a value of VR UI; what is no ASCII is replaced."""
    return value.rstrip(b"\0 ").decode("ascii", "replace")


def encode_us(number: int) -> bytes:
    """A number as a value of VR US."""
    return struct.pack("<H", number)


def abort_pdu(source: int = 0, reason: int = 0) -> bytes:
    """An A-ABORT PDU (PS3.8 9.3.8): source 0 is the service user, 2 the provider, which gives a reason."""
    return PDU_HEADER.pack(A_ABORT, 4) + bytes((0, 0, source, reason))


RELEASE_RQ = PDU_HEADER.pack(A_RELEASE_RQ, 4) + bytes(4)
RELEASE_RP = PDU_HEADER.pack(A_RELEASE_RP, 4) + bytes(4)
