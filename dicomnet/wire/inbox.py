"""What a peer sends us as requestor, cut into PDUs, command sets and data sets (PS3.8 9.3, E.2; PS3.7 6.3.1)."""

from dataclasses import dataclass

from dicomnet.wire import pdu
from dicomnet.wire.peer import PeerError

MAXIMUM_PDU_BYTES = 131_072  # what we tell peers that we take (PS3.8 D.1)
MAXIMUM_DATA_SET_BYTES = 1 << 20  # identifiers; images never come this way
MAXIMUM_ACCEPTANCE_BYTES = 1 << 20
# Source 2 of an A-ABORT is the provider, which says why (PS3.8 Table 9-26).
_ABORT_REASONS = {
    1: "it did not recognise a PDU",
    2: "it did not expect a PDU",
    4: "it did not recognise a parameter of a PDU",
    5: "it did not expect a parameter of a PDU",
    6: "a parameter of a PDU had an invalid value",
}


@dataclass(frozen=True)
class Command:
    """A command set: value bytes by element of group 0000."""

    elements: dict[int, bytes]

    @property
    def has_data_set(self) -> bool:
        """A data set follows."""
        return self.elements.get(pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET) != pdu.NO_DATA_SET

    @property
    def status(self) -> int | None:
        """Status (0000,0900); None when it is missing or malformed."""
        value = self.elements.get(pdu.STATUS, b"")
        return int.from_bytes(value, "little") if len(value) == 2 else None

    @property
    def answers(self) -> int | None:
        """Message ID Being Responded To (0000,0120); None when it is missing or malformed."""
        value = self.elements.get(pdu.MESSAGE_ID_BEING_RESPONDED_TO, b"")
        return int.from_bytes(value, "little") if len(value) == 2 else None

    @property
    def comment(self) -> str:
        """Error Comment (0000,0902)."""
        return self.elements.get(pdu.ERROR_COMMENT, b"").decode("ascii", "replace").rstrip("\0 ")


@dataclass(frozen=True)
class DataSet:
    """A data set as it came."""

    data: bytes
    context_id: int


class Inbox:
    """Bytes go in as they come; whole messages come out.

    Args:
        maximum_data_set_bytes: a longer data set is taken for a defect.
    """

    def __init__(self, maximum_data_set_bytes: int = MAXIMUM_DATA_SET_BYTES) -> None:
        self._maximum_data_set_bytes = maximum_data_set_bytes
        self._bytes = bytearray()
        self._command = bytearray()
        self._data_set = bytearray()
        self._whole: list[Command | DataSet] = []

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        self._bytes += data

    def next_pdu(self, allowed: dict[int, int]) -> tuple[int, bytes] | None:
        """Type and body of the next PDU; None while it is not whole.

        Args:
            allowed: the greatest length of the body by PDU type.

        Raises:
            PeerError: the peer aborted, or sent a PDU that is not allowed now; known from its header already.
        """
        if len(self._bytes) < pdu.PDU_HEADER_BYTES:
            return None
        kind, length = pdu.PDU_HEADER.unpack_from(self._bytes)
        is_abort = kind == pdu.A_ABORT and length == 4
        if not is_abort and not 4 <= length <= allowed.get(kind, 0):
            raise PeerError(f"the peer sent a PDU of type {kind:#04x} in place of a response")
        end = pdu.PDU_HEADER_BYTES + length
        if len(self._bytes) < end:
            return None
        body = bytes(memoryview(self._bytes)[pdu.PDU_HEADER_BYTES : end])
        del self._bytes[:end]
        if is_abort:
            raise PeerError(_abort_in_words(body))
        return kind, body

    def next_message(self) -> Command | DataSet | None:
        """The next whole command set or data set; None while there is none.

        Raises:
            PeerError: the peer aborted, or what it sent is malformed.
        """
        while not self._whole:
            found = self.next_pdu({pdu.P_DATA_TF: MAXIMUM_PDU_BYTES})
            if found is None:
                return None
            try:
                for context_id, control, fragment in pdu.fragments(found[1]):
                    self._add(context_id, control, fragment)
            except pdu.MalformedPdu as error:
                raise PeerError(f"the peer sent a malformed response: {error}") from error
        return self._whole.pop(0)

    def _add(self, context_id: int, control: int, fragment: bytes) -> None:
        is_command = control & pdu.IS_COMMAND
        buffer = self._command if is_command else self._data_set
        buffer += fragment
        if len(buffer) > (pdu.MAXIMUM_COMMAND_BYTES if is_command else self._maximum_data_set_bytes):
            raise pdu.MalformedPdu(f"its {'command' if is_command else 'data'} set does not end")
        if control & pdu.IS_LAST:
            whole = bytes(buffer)
            buffer.clear()
            self._on_whole(Command(pdu.parse_command(whole)) if is_command else DataSet(whole, context_id), context_id)

    def _on_whole(self, message: Command | DataSet, context_id: int) -> None:
        self._whole.append(message)


def _abort_in_words(body: bytes) -> str:
    reason = _ABORT_REASONS.get(body[3]) if body[2] == 2 else None
    return "the peer aborted the association" + (f": {reason}" if reason else "")
