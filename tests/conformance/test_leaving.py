"""A caller that aborts, closes or vanishes at any moment (PS3.8 7.3, 9.2: AA-2, AA-3, AA-4, AA-5, AR-5)."""

import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest

from dicomnet.wire.pdu import RELEASE_RQ, abort_pdu
from tests.conformance.raw import SECONDS, STORE, Raw, associate_rq, p_data, pdv
from tests.conformance.test_state_machine import DATA, ECHO_RQ, ENDED, STORE_RQ, UID, answers
from tests.peers import Listener

pytestmark = pytest.mark.embedded  # no database has a part in it

# How far a caller comes before it leaves: bytes, and whether an A-ASSOCIATE-AC is waited for after the first.
MOMENTS: dict[str, list[bytes]] = {
    "before a word": [],
    "within an A-ASSOCIATE-RQ": [associate_rq()[:50]],
    "after an A-ASSOCIATE-RQ": [associate_rq()],
    "within a PDU's header": [associate_rq(), ECHO_RQ[:3]],
    "within a PDV's header": [associate_rq(), ECHO_RQ[:9]],
    "within a command": [associate_rq(), ECHO_RQ[:30]],
    "between command and data set": [associate_rq(), STORE_RQ],
    "within a fragment": [associate_rq(), STORE_RQ, p_data(pdv(STORE, 0, DATA))[:40]],
    "between fragments": [associate_rq(), STORE_RQ, p_data(pdv(STORE, 0, DATA[:20]))],
    "after a release": [associate_rq(), RELEASE_RQ],
}
LEAVING: dict[str, Callable[[Raw], None]] = {
    "A-ABORT": lambda connection: connection.send(abort_pdu()),
    "FIN": lambda connection: connection.socket.shutdown(socket.SHUT_WR),
    "RST": lambda connection: connection.socket.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    ),
}


@pytest.mark.parametrize(
    ("moment", "leaving"),
    [
        (moment, leaving)
        for moment in MOMENTS
        for leaving in LEAVING
        # Within a PDU an A-ABORT would be more bytes of it.
        if leaving != "A-ABORT" or not moment.startswith("within")
    ],
)
def test_a_caller_may_leave_at_any_moment(listener: Listener, moment: str, leaving: str) -> None:
    """The connection is closed, nothing is kept, no thread stays, and the next caller is served."""
    with Raw(listener.port) as connection:  # what is started once, is started now
        connection.associate()
        assert connection.store(DATA[:20], UID) != 0
        assert connection.release() == "released"
    before = threading.active_count()
    first, *rest = MOMENTS[moment] or [b""]
    with Raw(listener.port) as connection:
        connection.send(first)
        if rest:
            assert connection.answer() == "accepted"
        connection.send(*rest)
        LEAVING[leaving](connection)
        if leaving != "RST":
            assert answers(connection)[-1] in ENDED
    with Raw(listener.port) as connection:
        connection.associate()
        assert connection.echo() == 0
        assert connection.release() == "released"
    deadline = time.monotonic() + SECONDS
    while threading.active_count() > before:
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.01)
    assert listener.litter() == []
