"""Take PDUs apart as they come in: C-STORE fragments go straight to their sink (PS3.8 9.3, PS3.7 6.3).

No object is made per PDU or PDV: what was read lies in the connection's buffer, and slices of it go to the sink.
Messages that are not streamed are handed on whole, one after the other.
"""

import time
from enum import Enum, auto

from dicomnet.wire import pdu
from dicomnet.wire.connection import Connection
from dicomnet.wire.operations import UNEXPECTED_PDU, UNRECOGNISED_PDU, Incoming, Operations, ProtocolError

MAXIMUM_PDU_BYTES = 131_072  # of a P-DATA-TF PDU, as we announce it (PS3.8 D.1)
PDU_SLACK_BYTES = 1_024  # peers exist that do not count the headers
MAXIMUM_REQUEST_BYTES = 262_144  # an A-ASSOCIATE-RQ of 128 contexts with all transfer syntaxes fits
MAXIMUM_MESSAGE_BYTES = 16 * 2**20  # of a data set that is no instance: identifiers, commitment requests
PDU_SECONDS = 25  # for one PDU from its first byte to its last: 5 kB/s for a full one
MAXIMUM_PIECES = 64  # of one read that are written as they are; more are copied together
GRACE_SECONDS, MINIMUM_BYTES_PER_SECOND = 60, 1_000  # for one message, whatever its PDUs


class Step(Enum):
    """Why consuming stopped."""

    NEED_MORE = auto()  # everything that was read is consumed
    MESSAGE = auto()  # a whole message is to be served: it was handed on, or was taken as it came
    OTHER_PDU = auto()  # ``Receiver.other`` is a whole PDU that is no P-DATA-TF
    WAITING = auto()  # a request has come that waits until the one in service is done


class Receiver:
    """What is coming in on one association.

    Attributes:
        other: the last PDU that was no P-DATA-TF, with its header.
        is_serving: a request is in service; only C-CANCEL is taken meanwhile.
    """

    def __init__(self, connection: Connection, operations: Operations) -> None:
        self.other = b""
        self.is_serving = False
        self._connection = connection
        self._operations = operations
        self._is_draining = False
        self._pdu_since: float | None = None
        self._pdu_left = 0  # bytes of the current P-DATA-TF PDU not yet consumed
        self._pdv_left = -1  # bytes of the current fragment not yet consumed; -1 between fragments
        self._control = self._context_id = 0
        self._collected: bytearray | None = None  # a PDU of another kind, as far as it has come
        self._collected_length = 0
        self._message_since: float | None = None
        self._message_bytes = 0
        self._message_context: int | None = None  # None until the command set is whole
        self._value = bytearray()  # of a command set, or of a data set that is handed on
        self._incoming: Incoming | None = None
        self._pieces: list[memoryview] = []
        self._held: tuple[int, bytes, dict[int, bytes]] | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing has begun that is not whole."""
        return self._pdu_since is None and self._message_since is None and self._held is None

    @property
    def is_waiting(self) -> bool:
        """A request waits until the one in service is done, and nothing that comes after it can be read."""
        return self._held is not None

    @property
    def deadline(self) -> float | None:
        """When (time.monotonic) the PDU that has begun must be whole; None between PDUs."""
        return None if self._pdu_since is None else self._pdu_since + PDU_SECONDS

    def drain(self) -> None:
        """From now on drop whatever comes: after an error nobody knows where a PDU begins."""
        self.discard()
        self._is_draining = True
        self._pdu_since = None
        self._pdv_left = -1

    def discard(self) -> None:
        """The association is over: what is not whole will never be."""
        self._pieces = []
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None

    def consume(self, *, is_established: bool) -> Step:
        """Consume what was read, as far as it goes.

        Args:
            is_established: P-DATA-TF PDUs are taken apart; else they are collected like every other PDU.

        Raises:
            ProtocolError: what came is no DICOM, or breaks a limit.
        """
        try:
            return self._consume(is_established=is_established)
        finally:
            self._flush()  # the buffer is read into again

    def _consume(self, *, is_established: bool) -> Step:
        connection = self._connection
        if self._held is not None:
            step = self._take_held()
            if step is not None:
                return step
        while connection.start < connection.end or self._pdv_left == 0:
            if self._is_draining:
                connection.start = connection.end
            elif self._collected is not None:
                if self._collect():
                    return Step.OTHER_PDU
            elif self._pdv_left >= 0:
                step = self._take_fragment()
                if step is not None:
                    return step
            elif not (self._begin_fragment() if self._pdu_left else self._begin_pdu(is_established=is_established)):
                break
        return Step.NEED_MORE

    def _take_held(self) -> Step | None:
        if self.is_serving:
            return Step.WAITING
        held, self._held = self._held, None
        return Step.MESSAGE if held is not None and self._begin(*held) else None

    def _begin_pdu(self, *, is_established: bool) -> bool:
        connection = self._connection
        if self._pdu_since is None:
            self._pdu_since = time.monotonic()
        if connection.end - connection.start < pdu.PDU_HEADER_BYTES:
            return False
        kind, length = pdu.PDU_HEADER.unpack_from(connection.view, connection.start)
        if not pdu.A_ASSOCIATE_RQ <= kind <= pdu.A_ABORT:
            raise ProtocolError("no PDU of DICOM", UNRECOGNISED_PDU)
        if kind == pdu.P_DATA_TF and is_established:
            if not pdu.PDV_HEADER_BYTES <= length <= MAXIMUM_PDU_BYTES + PDU_SLACK_BYTES:
                raise ProtocolError("a PDU is longer than was agreed, or empty")
            connection.start += pdu.PDU_HEADER_BYTES
            self._pdu_left = length
            self._check_rate()
            return True
        is_short = kind in {pdu.A_RELEASE_RQ, pdu.A_RELEASE_RP, pdu.A_ABORT, pdu.A_ASSOCIATE_RJ}
        if length > (4 if is_short else MAXIMUM_REQUEST_BYTES):
            raise ProtocolError("a PDU is too long")
        self._collected = bytearray()
        self._collected_length = pdu.PDU_HEADER_BYTES + length
        return True

    def _collect(self) -> bool:
        connection, collected = self._connection, self._collected
        if collected is None:
            return False
        stop = min(connection.end, connection.start + self._collected_length - len(collected))
        collected += connection.view[connection.start : stop]
        connection.start = stop
        if len(collected) < self._collected_length:
            return False
        self.other, self._collected, self._pdu_since = bytes(collected), None, None
        return True

    def _begin_fragment(self) -> bool:
        connection = self._connection
        if self._pdu_left < pdu.PDV_HEADER_BYTES:
            raise ProtocolError("the lengths within a PDU contradict each other")
        if connection.end - connection.start < pdu.PDV_HEADER_BYTES:
            return False
        length, self._context_id, self._control = pdu.PDV_HEADER.unpack_from(connection.view, connection.start)
        if length < 2 or length + 4 > self._pdu_left:
            raise ProtocolError("the lengths within a PDU contradict each other")
        is_command = bool(self._control & pdu.IS_COMMAND)
        if self._message_since is None:
            self._message_since, self._message_bytes = time.monotonic(), 0
        if is_command != (self._message_context is None):
            raise ProtocolError("a data set without a command set, or a command set within a data set", UNEXPECTED_PDU)
        if not is_command and self._context_id != self._message_context:
            raise ProtocolError("a data set in another presentation context than its command set")
        connection.start += pdu.PDV_HEADER_BYTES
        self._pdu_left -= pdu.PDV_HEADER_BYTES
        self._pdv_left = length - 2
        return True

    def _take_fragment(self) -> Step | None:
        connection = self._connection
        stop = min(connection.end, connection.start + self._pdv_left)
        piece = connection.view[connection.start : stop]
        connection.start = stop
        self._pdv_left -= len(piece)
        self._pdu_left -= len(piece)
        self._message_bytes += len(piece)
        if self._incoming is not None:
            self._pieces.append(piece)
        else:
            limit = pdu.MAXIMUM_COMMAND_BYTES if self._message_context is None else MAXIMUM_MESSAGE_BYTES
            if len(self._value) + len(piece) > limit:
                raise ProtocolError("a message is too long")
            self._value += piece
        if self._pdv_left:
            return None
        self._pdv_left = -1
        if self._pdu_left == 0:
            self._pdu_since = None
        return self._end_part() if self._control & pdu.IS_LAST else None

    def _end_part(self) -> Step | None:
        """The last fragment of a command set or of a data set is there."""
        if self._incoming is not None:
            self._flush()
            incoming, self._incoming = self._incoming, None
            self._end_message()
            answer = incoming.finish()
            if answer is None:
                return Step.MESSAGE
            self._connection.write(answer)
            return None
        value = bytes(self._value)
        self._value.clear()
        if self._message_context is not None:
            context_id = self._message_context
            self._end_message()
            self._operations.hand_on(context_id, pdu.IS_LAST, value)
            return Step.MESSAGE
        return self._on_command(value)

    def _on_command(self, raw: bytes) -> Step | None:
        try:
            command = pdu.parse_command(raw)
        except pdu.MalformedPdu as error:
            raise ProtocolError(str(error)) from error
        if any(len(command.get(element, b"")) != 2 for element in (pdu.COMMAND_FIELD, pdu.COMMAND_DATA_SET_TYPE)):
            raise ProtocolError("a command set does not say what it is")
        if command[pdu.COMMAND_FIELD] == pdu.C_CANCEL_RQ:
            self._end_message()
            self._operations.cancel(int.from_bytes(command.get(pdu.MESSAGE_ID_BEING_RESPONDED_TO, b""), "little"))
            return None
        is_request = command[pdu.COMMAND_FIELD][1] < 0x80
        if self.is_serving and is_request:
            self._held = (self._context_id, raw, command)
            return Step.WAITING
        return Step.MESSAGE if self._begin(self._context_id, raw, command) else None

    def _begin(self, context_id: int, raw: bytes, command: dict[int, bytes]) -> bool:
        """Begin on a request; True when it was handed on and is whole already."""
        begun = self._operations.begin(context_id, command)
        has_data_set = command[pdu.COMMAND_DATA_SET_TYPE] != pdu.NO_DATA_SET
        if begun is None:
            self._operations.hand_on(context_id, pdu.IS_COMMAND | pdu.IS_LAST, raw)
        elif isinstance(begun, bytes):
            self._connection.write(begun)
        else:
            self._incoming = begun
        if has_data_set:
            self._message_context = context_id
            return False
        self._end_message()
        return begun is None

    def _end_message(self) -> None:
        self._message_since = self._message_context = None

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces and self._incoming is not None:
            # All that one read brought in one call, which is one switch of threads less for each further piece.
            self._incoming.write(*(pieces if len(pieces) <= MAXIMUM_PIECES else [b"".join(pieces)]))

    def _check_rate(self) -> None:
        if self._message_since is None:
            return
        seconds = time.monotonic() - self._message_since
        if seconds > GRACE_SECONDS and self._message_bytes < seconds * MINIMUM_BYTES_PER_SECOND:
            raise ProtocolError("a message comes in too slowly")
