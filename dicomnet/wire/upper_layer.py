"""The DICOM upper layer of an accepted association, run by the association's own thread (PS3.8 9.2).

pynetdicom's state machine, ACSE and DIMSE provider are kept; its thread that looks at the socket each millisecond is
not. Where they would wait for that thread, this provider reads from the connection itself, so nothing has to be woken
and an idle association costs nothing.
"""

import logging
import time
from typing import Any, cast

from pynetdicom import evt
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.timer import Timer

from dicomnet.wire import pdu
from dicomnet.wire.connection import Connection, ConnectionLost
from dicomnet.wire.operations import INVALID_PARAMETER, UNEXPECTED_PDU, Operations, ProtocolError
from dicomnet.wire.receive import Receiver, Step
from dicomnet.wire.request import AE_TITLES, without_unknown_items

logger = logging.getLogger(__name__)
FOREVER_SECONDS = 86_400.0
ESTABLISHED = {"Sta6", "Sta7"}  # P-DATA-TF is taken (PS3.8 Table 9-10)
CLOSING = "Sta13"
SOURCE_PROVIDER = 2
MAXIMUM_CANCELS = 10


class MonotonicTimer(Timer):
    """A timer that a change of the clock does not touch."""

    @property
    def deadline(self) -> float | None:
        """When it expires (time.monotonic); None while it does not run."""
        if self._timeout is None or self._start_time is None or self._end_time is not None:
            return None
        began: float = self._start_time
        return began + float(self._timeout)

    @property
    def remaining(self) -> float:
        """Seconds left; 1 while it does not run."""
        deadline = self.deadline
        return 1 if deadline is None else deadline - time.monotonic()

    def start(self) -> None:
        """Run from now."""
        self._start_time, self._end_time = time.monotonic(), None

    def stop(self) -> None:
        """Run no more."""
        self._end_time = time.monotonic()


class WireSocket:
    """The connection as pynetdicom's state machine knows it."""

    def __init__(self, connection: Connection, events: Any) -> None:
        self._connection = connection
        self._events = events
        self._is_connected = True

    @property
    def socket(self) -> Any:
        """The socket; None once closed."""
        return self._connection.raw

    def send(self, data: bytes) -> None:
        """Write a PDU; a lost connection is an event."""
        try:
            self._connection.write(data)
        except ConnectionLost:
            self._events.put("Evt17")

    def close(self) -> None:
        """Close, and say so."""
        if self._is_connected:
            self._is_connected = False
            self._connection.close()
            self._events.put("Evt17")

    def _shutdown_socket(self) -> None:
        self._connection.close()


class UpperLayer(DULServiceProvider):
    """pynetdicom's DUL service provider without its thread.

    Attributes:
        receiver: what is coming in.
        failure: why the association was aborted from here, in words; empty while it was not.
    """

    def __init__(self, assoc: Any, connection: Connection, operations: Operations) -> None:
        super().__init__(assoc)
        self.artim_timer: MonotonicTimer = MonotonicTimer(None)
        self._idle_timer: MonotonicTimer = MonotonicTimer(None)
        self.connection = connection
        self.receiver = Receiver(connection, operations)
        self.wire = WireSocket(connection, self.event_queue)
        self.socket = cast(Any, self.wire)
        self.failure = ""
        self._abort_reason = UNEXPECTED_PDU
        self._ae_titles = b""
        self.event_queue.put("Evt5")  # transport connection indication

    def start(self) -> None:
        """Nothing runs but the caller."""

    def is_alive(self) -> bool:
        """False: there is no thread to wait for."""
        return False

    @property
    def is_over(self) -> bool:
        """The association is back in its idle state, or was given up."""
        return self._kill_thread

    @property
    def has_indication(self) -> bool:
        """There is something for the service user: the peer asks for release, or the association was aborted."""
        return bool(self.to_user_queue.queue)

    @property
    def is_closing(self) -> bool:
        """The last word was said; the peer is to close the connection."""
        return bool(self.state_machine.current_state == CLOSING)

    def send_pdu(self, primitive: Any) -> None:
        """Send at once what pynetdicom would queue for its thread."""
        super().send_pdu(primitive)
        self.act()

    def receive_pdu(self, wait: bool = False, timeout: float | None = None) -> Any:
        """The next primitive for the service user; reads from the connection until there is one, when told to wait."""
        if wait:
            deadline = time.monotonic() + (FOREVER_SECONDS if timeout is None else timeout)
            while self.to_user_queue.empty() and not self.is_over and self.turn(deadline):
                pass
        return super().receive_pdu(wait=False)

    def act(self) -> None:
        """Have the state machine do all that there is to do."""
        try:
            while not self.is_over:
                # The deques are looked at first: pynetdicom raises and catches an error to find its queue empty.
                if not self.event_queue.queue and not (self.to_provider_queue.queue and self._process_recv_primitive()):
                    return
                self.state_machine.do_action(self.event_queue.get_nowait())
        except Exception as error:  # noqa: BLE001 (pynetdicom's decoders raise whatever the peer's bytes make them)
            self.give_up(f"a PDU cannot be understood: {type(error).__name__}")

    def turn(self, deadline: float) -> bool:
        """Take in what comes up to the end of a message, and act on it; False when nothing came by the deadline.

        Args:
            deadline: time.monotonic; the deadlines of a PDU that has begun and of the state machine count, too.
        """
        self.act()
        if self.is_over:
            return False
        try:
            if not self._take_in(deadline):
                return False
        except ProtocolError as error:
            self._break_off(error)
        except ConnectionLost:
            if self.connection.interrupted:
                self.wire.send(pdu.abort_pdu(SOURCE_PROVIDER))
            self.wire.close()
        self.act()
        return True

    def _take_in(self, deadline: float) -> bool:
        has_come = False
        step = self._consume()
        while step is Step.NEED_MORE and self._fill(deadline):
            has_come = True
            step = self._consume()
            if self.receiver.is_idle or self.event_queue.queue:
                break
        return has_come or step in {Step.MESSAGE, Step.OTHER_PDU}

    def _consume(self) -> Step:
        step = self.receiver.consume(is_established=self.state_machine.current_state in ESTABLISHED)
        if step is Step.OTHER_PDU:
            self._on_other_pdu(self.receiver.other)
        return step

    def _fill(self, deadline: float) -> bool:
        begun, artim = self.receiver.deadline, self.artim_timer.deadline
        if self.connection.fill(min(deadline, begun or deadline, artim or deadline)):
            return True
        now = time.monotonic()
        if artim is not None and artim <= now:
            self.event_queue.put("Evt18")
            return True
        if begun is not None and begun <= now:
            raise ProtocolError("a PDU took too long")
        return False

    def _on_other_pdu(self, data: bytes) -> None:
        if data[0] == pdu.A_ASSOCIATE_RQ:
            self._ae_titles = data[AE_TITLES]
            data = without_unknown_items(data)
        try:
            decoded, event = self._decode_pdu(bytearray(data))
        except Exception as error:  # pynetdicom's decoders raise whatever the peer's bytes make them
            raise ProtocolError(f"a PDU cannot be understood: {type(error).__name__}") from error
        self._recv_pdu.put(decoded)
        self.event_queue.put(event)

    def _break_off(self, error: ProtocolError) -> None:
        self.failure = self.failure or str(error)
        self._abort_reason = error.reason
        self.receiver.drain()
        self.event_queue.put("Evt19")

    def give_up(self, words: str) -> None:
        """End an association that pynetdicom failed on: say so to the peer without its state machine."""
        self.failure = self.failure or words
        self.receiver.drain()
        self.wire.send(pdu.abort_pdu(SOURCE_PROVIDER, INVALID_PARAMETER))
        self.connection.linger()
        self.connection.close()
        self.kill_dul()

    def _send(self, sent: Any) -> None:
        if isinstance(sent, A_ABORT_RQ) and sent.source == SOURCE_PROVIDER and not sent.reason_diagnostic:
            sent.reason_diagnostic = self._abort_reason  # pynetdicom says "not specified"
        if isinstance(sent, A_ASSOCIATE_AC):
            encoded = sent.encode()
            # As they were in the request, padding and all (PS3.8 Table 9-17).
            self.wire.send(encoded[: AE_TITLES.start] + self._ae_titles + encoded[AE_TITLES.stop :])
        else:
            super()._send(sent)


class MessageProvider(DIMSEServiceProvider):
    """pynetdicom's DIMSE provider, which reads from the connection where it would wait for another thread."""

    def __init__(self, assoc: Any, upper_layer: UpperLayer) -> None:
        self._cancelled: dict[int, Any] = {}
        self._upper_layer = upper_layer
        super().__init__(assoc)

    @property
    def cancel_req(self) -> dict[int, Any]:
        """C-CANCEL requests by Message ID; a service looks here between two responses, so it is brought up to date."""
        if self._upper_layer.receiver.is_serving:
            self._upper_layer.turn(0)
        return self._cancelled

    @cancel_req.setter
    def cancel_req(self, requests: dict[int, Any]) -> None:
        self._cancelled = requests

    def cancel(self, message_id: int) -> None:
        """A C-CANCEL has come; those that nobody asks for are forgotten."""
        if len(self._cancelled) < MAXIMUM_CANCELS:
            self._cancelled[message_id] = True

    def forget(self, message_id: int) -> None:
        """A request of this number comes: what was cancelled before it was another one."""
        self._cancelled.pop(message_id, None)

    def is_cancelled(self, message_id: int) -> bool:
        """A C-CANCEL for this request has been taken in."""
        return message_id in self._cancelled

    def take(self, context_id: int, control: int, value: bytes) -> None:
        """A whole command set, or the whole data set after it.

        Raises:
            ProtocolError: pynetdicom cannot make a message of it.
        """
        fragment = P_DATA()
        fragment.presentation_data_value_list.append((context_id, bytes([control]) + value))
        message = self.message or DIMSEMessage()
        self.message = message
        try:
            if not message.decode_msg(fragment, self.assoc):
                return
            self.message = None
            evt.trigger(self.assoc, evt.EVT_DIMSE_RECV, {"message": message})
            primitive = message.message_to_primitive()
        except Exception as error:  # pynetdicom's decoders raise whatever the peer's bytes make them
            raise ProtocolError(f"a message cannot be understood: {type(error).__name__}") from error
        self.msg_queue.put((context_id, cast(Any, primitive)))

    def get_msg(self, block: bool = False) -> tuple[Any, Any]:
        """The next request; when told to block, the next response, and (None, None) when none comes in time."""
        if not block:
            return self._first(is_response=False)
        deadline = time.monotonic() + (FOREVER_SECONDS if self.dimse_timeout is None else self.dimse_timeout)
        while True:
            item = self._first(is_response=True)
            if item[1] is not None or self._upper_layer.is_over or not self._upper_layer.turn(deadline):
                return item

    def _first(self, *, is_response: bool) -> tuple[Any, Any]:
        waiting = self.msg_queue.queue  # nobody else's thread looks at it
        for item in waiting:
            if item[1] is not None and (item[1].MessageIDBeingRespondedTo is not None) == is_response:
                waiting.remove(item)
                return item[0], item[1]
        return None, None
