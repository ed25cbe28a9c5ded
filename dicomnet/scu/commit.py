"""Ask a peer whether it keeps what it took: storage commitment as user (PS3.4 J.3.2, PS3.7 10.1.4).

The report comes on the same association while it is open, or later on one that the peer opens to our listener.
"""

import time
from collections.abc import Callable, Sequence
from io import BytesIO

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from dicomnet.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_ACTION,
    EventAnswer,
    EventStatus,
    MalformedRequest,
    Reference,
    Verdict,
    action_information,
    decode_information,
    read_event_information,
)
from dicomnet.scu.association import Peer, PeerError, RequestorAssociation
from dicomnet.wire import pdu
from dicomnet.wire.inbox import Command, DataSet

N_ACTION_RQ, N_EVENT_REPORT_RQ, N_EVENT_REPORT_RSP = b"\x30\x01", b"\x00\x01", b"\x00\x81"
REQUESTED_SOP_CLASS_UID, REQUESTED_SOP_INSTANCE_UID = 0x0003, 0x1001
EVENT_TYPE_ID, ACTION_TYPE_ID = 0x1002, 0x1008
ERROR_COMMENT_LENGTH = 64  # VR LO
_OUT_OF_TURN = "the peer answered something else than what it was asked"

Take = Callable[[Verdict], EventAnswer]


class CommitmentAssociation(RequestorAssociation):
    """Sends requests for storage commitment, and hands on the reports that come while it is open."""

    maximum_data_set_bytes = 8 << 20  # a report names each instance of a study

    def __init__(self, peer: Peer, take: Take) -> None:
        """Connect and negotiate; a requestor is the user where nothing is said of roles (PS3.7 D.3.3.4).

        Args:
            peer: whom to ask.
            take: records a report; what it answers is sent to the peer.

        Raises:
            PeerError: as for any association; NoContextAccepted when the peer does not offer storage commitment.
        """
        super().__init__(
            peer, [(PUSH_MODEL, str(syntax)) for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)]
        )
        self._take_verdict = take
        (_, self._syntax), self._context_id = next(iter(self.contexts.items()))

    def request(self, transaction_uid: str, references: Sequence[Reference]) -> Command:
        """Send one N-ACTION request and wait for its response; its status is there.

        Raises:
            PeerError: the association is lost.
        """
        data = encode(action_information(transaction_uid, references), UID(self._syntax).is_implicit_VR, True)
        if data is None:
            raise PeerError("the request cannot be encoded, see the log")
        message_id, seconds = self.next_message_id(), self.peer.dimse_timeout_seconds
        elements = [
            (REQUESTED_SOP_CLASS_UID, pdu.encode_uid(PUSH_MODEL)),
            (pdu.COMMAND_FIELD, N_ACTION_RQ),
            (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
            (REQUESTED_SOP_INSTANCE_UID, pdu.encode_uid(PUSH_MODEL_INSTANCE)),
            (ACTION_TYPE_ID, pdu.encode_us(REQUEST_ACTION)),
        ]
        self.write(self.message(self._context_id, elements, data), seconds)
        deadline = time.monotonic() + seconds
        while (response := self._next_response(deadline)) is None:
            pass  # a report on an earlier request came first
        if response.answers != message_id or response.status is None:
            raise PeerError(_OUT_OF_TURN)
        if response.has_data_set:
            self.read(deadline)  # an Action Reply, of which the standard has none here
        return response

    def wait_for_reports(self, seconds: float, is_done: Callable[[], bool]) -> None:
        """Take the reports that come on this association.

        Raises:
            PeerError: the peer released it or went away.
        """
        deadline = time.monotonic() + seconds
        while not is_done() and time.monotonic() < deadline:
            found = self.read_if_any()
            if found is None:
                self.channel.wait(deadline)
            elif isinstance(found, Command) and _is_report(found):
                self._answer_report(found, time.monotonic() + self.peer.dimse_timeout_seconds)

    def _next_response(self, deadline: float) -> Command | None:
        """The next response, or None when it was a report."""
        found = self.read(deadline)
        if not isinstance(found, Command):
            raise PeerError(_OUT_OF_TURN)
        if not _is_report(found):
            return found
        self._answer_report(found, deadline)
        return None

    def _answer_report(self, command: Command, deadline: float) -> None:
        answer = EventAnswer(EventStatus.INVALID_ARGUMENT, "the report has no Event Information")
        if command.has_data_set:
            found = self.read(deadline)
            if not isinstance(found, DataSet):
                raise PeerError(_OUT_OF_TURN)
            answer = self._taken(found)
        elements = [
            (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(PUSH_MODEL)),
            (pdu.COMMAND_FIELD, N_EVENT_REPORT_RSP),
            (pdu.MESSAGE_ID_BEING_RESPONDED_TO, command.elements.get(pdu.MESSAGE_ID, b"\0\0")),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
            (pdu.STATUS, pdu.encode_us(answer.status)),
            (pdu.ERROR_COMMENT, _comment(answer)),
            (pdu.AFFECTED_SOP_INSTANCE_UID, pdu.encode_uid(PUSH_MODEL_INSTANCE)),
            (EVENT_TYPE_ID, command.elements.get(EVENT_TYPE_ID, b"")),
        ]
        response = self.message(self._context_id, [(element, value) for element, value in elements if value])
        self.write(response, self.peer.dimse_timeout_seconds)

    def _taken(self, found: DataSet) -> EventAnswer:
        syntax = next((syntax for (_, syntax), number in self.contexts.items() if number == found.context_id), "")
        try:
            verdict = read_event_information(decode_information(BytesIO(found.data), UID(syntax or self._syntax)))
        except MalformedRequest as error:
            return EventAnswer(EventStatus.INVALID_ARGUMENT, str(error))
        return self._take_verdict(verdict)


def _is_report(command: Command) -> bool:
    return command.elements.get(pdu.COMMAND_FIELD) == N_EVENT_REPORT_RQ


def _comment(answer: EventAnswer) -> bytes:
    text = answer.comment[:ERROR_COMMENT_LENGTH].encode("ascii", "replace")
    return text + b" " * (len(text) % 2)
