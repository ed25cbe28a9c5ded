"""The spool's own parts: names, order, space, and the bell that nobody has to hear."""

import threading
import time
from pathlib import Path

import psutil
import pytest
from kombu.exceptions import OperationalError

from dicomnet.services import StoreRequest
from dicomnet.statuses import StoreStatus
from studies.disk import spread_subfolders
from studies.doorbell import Doorbell, prepare_bells
from studies.spool import SHARDS, Spool
from studies.storage import location_for
from studies.tasks import index_spool
from studies.ulid import new_ulid
from tests.corpus import CT, EXPLICIT, data_set

REQUEST = StoreRequest(CT, "1.2.3", EXPLICIT, "CT1", "GANTRY", "10.1.2.3")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool", 100)
    spool.prepare()
    return spool


def test_names_are_unique_and_in_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [new_ulid() for _ in range(1000)]
    assert len(set(names)) == 1000
    assert names == sorted(names)
    assert all(len(name) == 26 and name.isalnum() and name.isascii() for name in names)
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_000_000_000)
    early = new_ulid()
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_001_000_000)
    assert early < new_ulid()


def test_a_location_is_made_of_the_name_alone() -> None:
    assert location_for("01KAJ3QABCDEFGHJKMNPQRSTVW") == "01KAJ/01KAJ3Q/01KAJ3QABCDEFGHJKMNPQRSTVW.dcm"


def test_what_waits_comes_oldest_first(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        monkeypatch.setattr(time, "time_ns", lambda number=number: 1_800_000_000_000_000_000 + number * 1_000_000)
        sink = spool.open(REQUEST)
        sink.write(data_set(sop_instance_uid=b"1.2.3", modality=f"M{number:03d}".encode()))
        assert sink.commit().status == StoreStatus.SUCCESS
    waiting = list(spool.waiting())
    assert [path.read_bytes().index(f"M{number:03d}".encode()) > 0 for number, path in enumerate(waiting)] == [
        True
    ] * 40
    assert len({path.parent for path in waiting}) > SHARDS / 2


def test_shards_are_told_to_lie_apart_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 100)
    (spool.new / "0").mkdir(parents=True)
    old = (spool.new / "0").stat().st_ino
    kept = spool.new / "1" / "waiting.dcm"
    kept.parent.mkdir()
    kept.write_bytes(b"from an earlier version")
    spool.prepare()
    assert kept.read_bytes() == b"from an earlier version"
    assert len(list(spool.new.iterdir())) == SHARDS
    if spread_subfolders(spool.new.parent):  # a file system that knows of it
        assert (spool.new / "0").stat().st_ino != old
        assert not spread_subfolders(spool.new)
    inode = (spool.new / "0").stat().st_ino
    spool.prepare()
    assert (spool.new / "0").stat().st_ino == inode


def test_a_sink_that_is_discarded_leaves_nothing(spool: Spool) -> None:
    sink = spool.open(REQUEST)
    sink.write(b"half a data set")
    sink.discard()
    sink.discard()
    assert [path for path in spool.root.rglob("*") if path.is_file()] == []


def test_a_spool_that_is_gone_is_out_of_resources(tmp_path: Path) -> None:
    sink = Spool(tmp_path / "never made", 100).open(REQUEST)
    sink.write(data_set(sop_instance_uid=b"1.2.3"))
    answer = sink.commit()
    assert answer.status == StoreStatus.OUT_OF_RESOURCES
    assert answer.comment == "cannot store now: No such file or directory"


def test_use_is_counted_as_df_counts_it(spool: Spool) -> None:
    assert 0 <= spool.used_percent() <= 100


class TestDoorbell:
    def test_many_rings_are_few_messages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sent: list[float] = []
        monkeypatch.setattr(index_spool, "apply_async", lambda **kwargs: sent.append(kwargs["expires"]))
        bell = Doorbell()
        for _ in range(200):
            bell.ring()
        wait_until(lambda: bool(sent))
        assert 1 <= len(sent) <= 2

    def test_a_broker_that_is_down_is_passed_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        attempts: list[int] = []
        has_returned = threading.Event()

        def fail(**kwargs: object) -> None:
            assert has_returned.wait(30)  # whoever rings does not wait for the broker
            attempts.append(1)
            if len(attempts) == 1:
                raise OperationalError("nobody there")

        monkeypatch.setattr(index_spool, "apply_async", fail)
        monkeypatch.setattr("studies.doorbell.PAUSE_SECONDS", 0.01)
        bell = Doorbell()
        bell.ring()
        has_returned.set()
        wait_until(lambda: len(attempts) == 1)
        bell.ring()
        wait_until(lambda: len(attempts) == 2)


def wait_until(is_true: object) -> None:
    assert callable(is_true)
    deadline = time.monotonic() + 5
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_bells_are_prepared_without_a_broker() -> None:
    connections = psutil.Process().net_connections(kind="all")
    prepare_bells()
    assert psutil.Process().net_connections(kind="all") == connections
