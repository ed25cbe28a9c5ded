import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.nodes.outbox import Outbox
from gateway.supervisor.errors import CannotStart
from gateway.supervisor.journal import Journal
from gateway.supervisor.keep import Keeper
from gateway.supervisor.wake import Wake
from tests.gateway.children import DEAF, ENDS_AT_ONCE, NEVER_READY, SERVES, child, is_running, kill, wait_until_gone


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with Wake() as wake:
        keeper = Keeper(wake, journal(tmp_path), ready_seconds=10, stop_seconds=2)
        yield keeper
        keeper.stop()
    for number, handler in before.items():
        signal.signal(number, handler)


def journal(folder: Path) -> Journal:
    return Journal(Outbox(folder / "run"))


def told(folder: Path) -> list[tuple[str, str]]:
    return [(event.subject, event.kind) for _, event in Outbox(folder / "run").waiting()]


def stop_after(seconds: float) -> None:
    timer = threading.Timer(seconds, signal.raise_signal, [signal.SIGTERM])
    timer.daemon = True
    timer.start()


def test_wait_until_ready_sees_every_child_serve(keeper: Keeper, tmp_path: Path) -> None:
    keeper.start([child(tmp_path, "one", SERVES), child(tmp_path, "two", SERVES)])

    assert keeper.wait_until_ready()
    assert all(each.pid is not None and is_running(each.pid) for each in keeper.children)


def test_wait_until_ready_names_who_is_missing_and_its_last_lines(tmp_path: Path) -> None:
    with Wake() as wake:
        keeper = Keeper(wake, journal(tmp_path), ready_seconds=1.0, stop_seconds=1.0)
        keeper.start([child(tmp_path, "quick", SERVES), child(tmp_path, "slow", NEVER_READY)])
        with pytest.raises(CannotStart) as failure:
            keeper.wait_until_ready()
        keeper.stop()

    first, *rest = str(failure.value).splitlines()
    assert first.startswith("slow did not begin to serve in time")
    assert "quick" not in first
    assert rest[-1] == "still reading the map"


def test_wait_until_ready_gives_up_early_on_a_child_that_ends_each_time(keeper: Keeper, tmp_path: Path) -> None:
    keeper.start([child(tmp_path, "broken", ENDS_AT_ONCE)])
    begun = time.monotonic()

    with pytest.raises(CannotStart, match="broken ended each time") as failure:
        keeper.wait_until_ready()

    assert "no such table: destination" in str(failure.value)
    assert time.monotonic() - begun < 5


def test_wait_until_ready_ends_when_a_stop_is_asked_for(keeper: Keeper, tmp_path: Path) -> None:
    keeper.start([child(tmp_path, "slow", NEVER_READY)])
    stop_after(0.2)

    assert not keeper.wait_until_ready()


def test_killed_child_is_started_again_and_the_log_says_so(
    keeper: Keeper, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [worker] = [child(tmp_path, "worker", SERVES)]
    keeper.start([worker])
    assert keeper.wait_until_ready()
    first_pid = worker.pid

    kill(first_pid)
    stop_after(1.0)
    keeper.keep_running()

    assert worker.pid not in {None, first_pid}
    [record] = [record for record in caplog.records if record.message == "child ended, it is started again"]
    assert vars(record)["child"] == "worker"
    assert vars(record)["reason"] == "killed by signal 9 (Killed)"
    assert told(tmp_path) == [("worker", "started"), ("worker", "ended")]
    assert Outbox(tmp_path / "run").supervisor() is not None


def test_stop_goes_turn_by_turn(keeper: Keeper, tmp_path: Path) -> None:
    turns = {"broker": 4, "scp": 0, "worker": 3, "web": 1}
    keeper.start([child(tmp_path, name, SERVES, stop_turn=turn) for name, turn in turns.items()])
    assert keeper.wait_until_ready()
    pids = [each.pid for each in keeper.children if each.pid is not None]

    keeper.stop()

    assert (tmp_path / "journal").read_text().split() == ["scp", "web", "worker", "broker"]
    assert wait_until_gone(pids, 0.1) == []


def test_stop_kills_a_child_that_does_not_listen(tmp_path: Path) -> None:
    with Wake() as wake:
        keeper = Keeper(wake, journal(tmp_path), stop_seconds=0.3)
        keeper.start([child(tmp_path, "deaf", DEAF)])
        assert keeper.wait_until_ready()
        [pid] = [each.pid for each in keeper.children]
        begun = time.monotonic()
        keeper.stop()

    assert pid is not None
    assert not is_running(pid)
    assert 0.2 < time.monotonic() - begun < 2


def test_second_request_to_stop_does_not_wait(tmp_path: Path) -> None:
    with Wake() as wake:
        keeper = Keeper(wake, journal(tmp_path), stop_seconds=30)
        keeper.start([child(tmp_path, "deaf", DEAF)])
        assert keeper.wait_until_ready()
        signal.raise_signal(signal.SIGTERM)
        stop_after(0.2)
        begun = time.monotonic()
        keeper.stop()

    assert time.monotonic() - begun < 5
