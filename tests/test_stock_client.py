"""The client that tests use knows what its thread does, however late that goes on."""

import time
from collections.abc import Iterator
from threading import Event

import pytest
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from tests.peers import LOOPBACK
from tests.spanner.waiting import wait_until

pytestmark = pytest.mark.embedded
LATE_SECONDS = 0.5


@pytest.fixture
def assoc() -> Iterator[Association]:
    peer = AE("PEER")
    peer.add_supported_context(Verification)
    server = peer.start_server((LOOPBACK, 0), block=False)
    assert server is not None
    client = AE("TEST")
    client.add_requested_context(Verification)
    made = client.associate(LOOPBACK, server.server_address[1])
    try:
        yield made
    finally:
        made._reactor_checkpoint.set()
        made.abort()
        server.shutdown()


def go_on_late(assoc: Association, checkpoint: Event) -> None:
    """Have the thread rest between passing the checkpoint and saying so, as a busy machine may."""
    passes = checkpoint.wait

    def late(timeout: float | None = None) -> bool:
        passed = passes(timeout)
        time.sleep(LATE_SECONDS)
        return passed

    checkpoint.wait = late  # type: ignore[method-assign]
    assoc._reactor_checkpoint = checkpoint
    assoc._is_paused = False
    wait_until(lambda: assoc._is_paused)


def test_a_thread_that_has_passed_is_not_taken_for_one_that_waits(assoc: Association) -> None:
    checkpoint = assoc._reactor_checkpoint
    assoc._is_paused = True
    checkpoint.clear()
    assert not assoc._is_paused
    wait_until(lambda: assoc._is_paused)
    checkpoint.set()
    assert "Status" in assoc.send_c_echo()


def test_without_the_mending_it_is(assoc: Association) -> None:
    plain = Event()
    plain.set()
    go_on_late(assoc, plain)
    plain.clear()
    assert assoc._is_paused
