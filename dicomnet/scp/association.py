"""An accepted association: pynetdicom negotiates it, one thread runs all of it, and a record says what happened."""

import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import AddressInformation

from dicomnet.allowlist import Rights
from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnet.wire import pdu
from dicomnet.wire.connection import Connection, ConnectionLost
from dicomnet.wire.operations import AssociationOver, Incoming, ProtocolError
from dicomnet.wire.receive import MAXIMUM_PDU_BYTES
from dicomnet.wire.upper_layer import MessageProvider, UpperLayer

REQUEST_SECONDS = 5  # for the A-ASSOCIATE-RQ, and for the peer to close after the last word (the ARTIM timer)
IDLE_SECONDS = 120  # without a PDU: the association is aborted
ON_IDLE_SECONDS = 0.25
REST_SECONDS = 2  # without a request: what its thread holds for the next one is given back


@dataclass
class AssociationRecord:
    """What one association did, for its one log line."""

    began: float = field(default_factory=time.monotonic)
    calling_ae_title: str = ""
    called_ae_title: str = ""
    rights: Rights = field(default_factory=Rights)
    refusal: str = ""
    statuses: Counter[str] = field(default_factory=Counter)
    bytes_received: int = 0
    bytes_sent: int = 0
    relational: set[str] = field(default_factory=set)  # SOP Classes for which relational retrieval was negotiated
    token: str = field(default_factory=lambda: secrets.token_hex(16))  # names this association to other processes

    def milliseconds(self) -> int:
        """Since the connection was accepted."""
        return round((time.monotonic() - self.began) * 1000)


class Door(Protocol):
    """What an association asks of the rest of the listener."""

    @property
    def handlers(self) -> Sequence[tuple[Any, Callable[..., Any], list[Any]]]:
        """Handlers of the services that pynetdicom serves: event, function, further arguments."""

    def admit(self, assoc: "AcceptedAssociation") -> None:
        """Before negotiation: reject, or set what the caller may do and which contexts it gets."""

    def begin(
        self, assoc: "AcceptedAssociation", context_id: int, command: dict[int, bytes]
    ) -> Incoming | bytes | None:
        """Begin on a request (dicomnet.wire.receive.Operations)."""

    def rest(self) -> None:
        """The thread that calls this may not have a request for long: give back what it holds."""

    def account(self, assoc: "AcceptedAssociation") -> None:
        """The association is over, or never was one."""


class AcceptedAssociation(Association):
    """An association as acceptor, run by the thread that calls ``run``.

    Attributes:
        on_idle: called by that thread about each 0.25 s while no message is under way; None when nobody needs it.
            It may send requests of its own (``send_n_event_report``).
        on_end: called by that thread when the association is over; None when nobody needs it.
        on_response: takes the responses to requests that a service of ours sends; None while none does.
    """

    def __init__(self, ae: AE, connection: Connection, door: Door) -> None:
        super().__init__(ae, "acceptor")
        self.record = AssociationRecord()
        self.on_idle: Callable[[], None] | None = None
        self.on_end: Callable[[], None] | None = None
        self.on_response: Callable[[dict[int, bytes]], None] | None = None
        self.connection = connection
        self._door = door
        self._whole: deque[Callable[[], None]] = deque()
        self._has_served = False  # since it was last at rest
        self._upper_layer = UpperLayer(self, connection, self)
        self.dul = self._upper_layer
        self.dimse = MessageProvider(self, self._upper_layer)
        self.acse_timeout = REQUEST_SECONDS
        self.network_timeout = IDLE_SECONDS
        self.acceptor.maximum_length = MAXIMUM_PDU_BYTES
        self.acceptor.ae_title = ae.ae_title
        self.acceptor.address_info = AddressInformation(*connection.local)
        self.acceptor.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
        self.acceptor.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        self.requestor.address_info = AddressInformation(connection.address, connection.port)
        for event, handler, arguments in door.handlers:
            self.bind(event, handler, arguments)

    def run(self) -> None:
        """Serve until the association and its connection are over."""
        try:
            self._establish()
            while self.is_established:
                self._turn()
            self._door.account(self)
            while self._upper_layer.is_closing and not self._upper_layer.is_over:
                self._upper_layer.turn(time.monotonic() + REQUEST_SECONDS)
        finally:
            self._upper_layer.receiver.discard()
            self.connection.close()
            if self.on_end is not None:
                self.on_end()

    @property
    def outcome(self) -> str:
        """How it ended, for log and metrics."""
        if not self.record.called_ae_title:
            return "never requested"
        if self.is_released:
            return "released"
        return "aborted" if self.is_aborted else "connection closed"

    @property
    def failure(self) -> str:
        """Why we aborted it, in words; empty when we did not."""
        return self._upper_layer.failure

    @property
    def has_worked(self) -> bool:
        """There has been a message on it (dicomnet.wire.guard.Occupant)."""
        return bool(self.record.statuses)

    def idle_since(self) -> float | None:
        """When (time.monotonic) the peer was last heard of; None while a message is under way."""
        receiver = self._upper_layer.receiver
        return self.connection.heard_at if receiver.is_idle and not receiver.is_serving else None

    def begin(self, context_id: int, command: dict[int, bytes]) -> Incoming | bytes | None:
        """Begin on a request (dicomnet.wire.receive.Operations)."""
        if self.on_response is not None and command[pdu.COMMAND_FIELD] == pdu.C_STORE_RSP:
            if command[pdu.COMMAND_DATA_SET_TYPE] != pdu.NO_DATA_SET:
                raise ProtocolError("a C-STORE response with a data set")
            self.on_response(command)
            return b""
        return self._door.begin(self, context_id, command)

    def hand_on(self, context_id: int, control: int, value: bytes) -> None:
        """A message for pynetdicom's services (dicomnet.wire.receive.Operations)."""
        cast(MessageProvider, self.dimse).take(context_id, control, value)

    def take_in(self, deadline: float) -> bool:
        """While a request is in service: take what has come, or wait for it; False when nothing came by the deadline.

        Args:
            deadline: of ``time.monotonic``.

        Raises:
            AssociationOver: the peer has aborted, released or closed, or its next request waits, so that nothing it
                says after that can be read.
        """
        has_come = self._upper_layer.turn(deadline)
        if self._upper_layer.has_indication or self._upper_layer.is_over or self._upper_layer.is_closing:
            raise AssociationOver(self.failure or "the caller has ended the association")
        if self._upper_layer.receiver.is_waiting:
            self.abort()
            raise AssociationOver("the caller sent a request while another one was in service")
        return has_come

    def is_cancelled(self, message_id: int) -> bool:
        """The peer has asked by C-CANCEL that this request in service be ended; known as far as it was taken in."""
        return cast(MessageProvider, self.dimse).is_cancelled(message_id)

    def sendable(self) -> dict[tuple[str, str], int]:
        """Presentation context by (SOP Class, transfer syntax) in which we may send: the peer is the SCP there."""
        return {
            (str(context.abstract_syntax), str(context.transfer_syntax[0])): cast(int, context.context_id)
            for context in self._accepted_cx.values()
            if context.as_scu
        }

    def cancel(self, message_id: int) -> None:
        """A C-CANCEL (dicomnet.wire.receive.Operations)."""
        cast(MessageProvider, self.dimse).cancel(message_id)

    def serve_next(self, serve: Callable[[], None]) -> None:
        """Have a request of our own services served before anything else that comes, but for C-CANCEL."""
        self._whole.append(serve)

    def forget_cancel(self, message_id: int) -> None:
        """A C-CANCEL of this number was for an earlier request."""
        cast(MessageProvider, self.dimse).forget(message_id)

    def wants_more(self, message_id: int) -> bool:
        """The peer is there and has sent no C-CANCEL for this request in service; what it has sent is read."""
        upper_layer = self._upper_layer
        is_cancelled = message_id in self.dimse.cancel_req
        return not (is_cancelled or upper_layer.has_indication or upper_layer.is_over)

    def send(self, pdus: bytes) -> bool:
        """Write PDUs for a request in service; False, and the association ends, when the peer is gone."""
        try:
            self.connection.write(pdus)
        except ConnectionLost:
            self._upper_layer.wire.close()
            self._upper_layer.act()
            return False
        return True

    def transfer_syntax(self, context_id: int) -> str | None:
        """The transfer syntax of an accepted presentation context; None when there is no such context."""
        context = self._accepted_cx.get(context_id)
        return None if context is None else str(context.transfer_syntax[0])

    def abstract_syntax(self, context_id: int) -> UID:
        """The SOP Class of an accepted presentation context."""
        return UID(self._accepted_cx[context_id].abstract_syntax or "")

    def response(self, context_id: int, elements: Iterable[tuple[int, bytes]], data: bytes = b"") -> bytes:
        """The PDUs of a response and, when there is one, its short data set; none longer than the peer takes."""
        limit = pdu.fragment_limit(self.requestor.maximum_length or 0, MAXIMUM_PDU_BYTES)
        command = pdu.command_pdus(context_id, elements, limit)
        return command + (pdu.split(context_id, data, 0, limit) if data else b"")

    def reject(self, result: int, source: int, reason: int) -> None:
        """Reject the association that is asked for (PS3.8 9.3.4)."""
        self.acse.send_reject(result, source, reason)

    def _establish(self) -> None:
        request = self._upper_layer.receive_pdu(wait=True, timeout=REQUEST_SECONDS + 1)
        if not isinstance(request, A_ASSOCIATE):
            return
        self.requestor.primitive = request
        self._door.admit(self)
        if not self.is_aborted and not self.is_rejected:
            self._negotiate()
        if self.is_established:
            self.connection.enlarge()

    def _negotiate(self) -> None:
        try:
            self.acse.negotiate_association()
        except Exception as error:  # noqa: BLE001 (pynetdicom raises whatever the peer's parameters make it)
            self._upper_layer.give_up(f"the request cannot be negotiated: {type(error).__name__}")
            self.is_established = False

    def _turn(self) -> None:
        """Wait for something to happen, and act on it."""
        upper_layer = self._upper_layer
        now = time.monotonic()
        seconds = REST_SECONDS if self._has_served else IDLE_SECONDS
        has_come = upper_layer.turn(now + (seconds if self.on_idle is None else ON_IDLE_SECONDS))
        if has_come or self._whole:
            self._serve_messages()
        elif self._has_served and time.monotonic() >= self.connection.heard_at + REST_SECONDS:
            self._has_served = False
            self._door.rest()
        if upper_layer.has_indication or upper_layer.is_over:
            self._heed_indication()
        elif not has_come and time.monotonic() >= self.connection.heard_at + IDLE_SECONDS:
            self.abort()
        elif not has_come and self.on_idle is not None and upper_layer.receiver.is_idle:
            self.on_idle()

    def _heed_indication(self) -> None:
        """Release or abort, as pynetdicom's own association does it (PS3.8 7.2, 7.3)."""
        if self.is_established and self.acse.is_release_requested():
            self.acse.send_release(is_response=True)
            self.is_released, self.is_established = True, False
            evt.trigger(self, evt.EVT_RELEASED, {})
        elif self.acse.is_aborted() or self._upper_layer.is_over:
            self.is_aborted = self.acse.is_aborted("a-abort") or bool(self._upper_layer.failure) or self.is_aborted
            self.is_established = False

    def _serve_messages(self) -> None:
        receiver = self._upper_layer.receiver
        while self.is_established:
            context_id, message = (None, None) if self._whole else self.dimse.get_msg()
            if message is None and not self._whole:
                return
            receiver.is_serving = True
            try:
                if message is None:
                    self._has_served = True
                    self._whole.popleft()()
                else:
                    self._serve_request(message, cast(int, context_id))
            finally:
                receiver.is_serving = False

    def _abort_blocking(self, block: bool = True) -> None:
        super()._abort_blocking(block=False)  # nothing has to be waited for: it is sent when this returns
        self.is_established = False


def status_response(assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes], status: int) -> bytes:
    """A response without data set that says no more than a status (PS3.7 9.3, 10.3)."""
    field = int.from_bytes(command[pdu.COMMAND_FIELD], "little") | 0x8000
    elements = [
        (pdu.AFFECTED_SOP_CLASS_UID, command.get(pdu.AFFECTED_SOP_CLASS_UID, b"")),
        (pdu.COMMAND_FIELD, pdu.encode_us(field)),
        (pdu.MESSAGE_ID_BEING_RESPONDED_TO, command.get(pdu.MESSAGE_ID, b"\0\0")),
        (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
        (pdu.STATUS, pdu.encode_us(status)),
    ]
    return assoc.response(context_id, [(element, value) for element, value in elements if value])
