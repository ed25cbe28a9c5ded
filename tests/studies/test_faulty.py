"""Faults on demand at the listener: refused is refused, and nothing of it stays."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pytest_django import Settings

from dicomnet.faults import NAMES, FaultFile
from dicomnet.scu.association import AssociationRejected
from gateway.env import Environment
from studies.dimse import local_spool
from tests.corpus import CT, EXPLICIT, data_set
from tests.peers import Caller, gantry, peer

CONTEXT = (CT, EXPLICIT)
PATIENCE_SECONDS = 30


@pytest.fixture
def port(home: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    settings.GANTRY = replace(settings.GANTRY, faults=NAMES)
    settings.DICOM_SERVICES = {"GANTRY": "gateway.dimse.FaultyServices"}
    monkeypatch.setattr("studies.dimse._doorbell.ring", lambda: None)
    local_spool.cache_clear()
    with gantry() as number:
        yield number


@pytest.fixture
def other_process(home: Environment) -> FaultFile:
    """As another process writes the file."""
    return FaultFile(home.run_dir / "faults.json")


def store(caller: Caller, uid: str) -> int:
    reply = caller.store(data_set(sop_instance_uid=uid.encode()), CONTEXT, sop_class_uid=CT, sop_instance_uid=uid)
    return reply.status


def wait_for(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def waiting() -> int:
    return len(list(local_spool().waiting()))


@pytest.mark.parametrize(("name", "value"), [("reject_all", ""), ("disk_full", ""), ("random_fail_rate", "1")])
def test_a_fault_refuses_on_open_associations_until_it_ends(
    port: int, other_process: FaultFile, name: str, value: str
) -> None:
    with Caller(peer(port, "GANTRY"), [CONTEXT]) as caller:
        assert store(caller, "1.2.1") == 0
        other_process.inject(name, value)
        wait_for(lambda: store(caller, "1.2.2") == 0xA700)
        kept = waiting()
        for number in range(5):
            assert store(caller, f"1.2.3.{number}") == 0xA700
        assert waiting() == kept

        other_process.clear()
        wait_for(lambda: store(caller, "1.2.4") == 0)
        assert waiting() > kept
    assert list(local_spool().tmp.iterdir()) == []


def test_a_full_disk_takes_no_new_association(port: int, other_process: FaultFile) -> None:
    other_process.inject("disk_full", "")

    def is_rejected() -> bool:
        try:
            Caller(peer(port, "GANTRY"), [CONTEXT]).release()
        except AssociationRejected as rejected:
            return not rejected.is_permanent
        return False

    wait_for(is_rejected)
    other_process.clear()
    wait_for(lambda: not is_rejected())


def test_a_delay_delays_and_keeps(port: int, other_process: FaultFile) -> None:
    with Caller(peer(port, "GANTRY", timeout_seconds=30), [CONTEXT]) as caller:
        assert store(caller, "1.2.1") == 0
        other_process.inject("io_delay_ms", "400")

        def seconds() -> float:
            began = time.monotonic()
            assert store(caller, "1.2.2") == 0
            return time.monotonic() - began

        wait_for(lambda: seconds() >= 0.4)
    assert waiting() >= 3
