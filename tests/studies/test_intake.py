"""Back-pressure: disks refuse before they are full, and take in again; one that failed must show that it works."""

import errno
import os
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from dicomnet.services import StoreRequest
from dicomnet.statuses import StoreStatus
from studies import intake, suspicion, watermarks
from studies.disk import DiskUse, disk_use
from studies.intake import Intake
from studies.marks import Mark
from studies.room import Room
from studies.spool import Spool
from studies.suspicion import Suspicion, probe
from tests.corpus import CT, EXPLICIT, data_set, element
from tests.studies.disks import FailingCall, resize, small_disk

REQUEST = StoreRequest(CT, "1.2.3", EXPLICIT, "CT1", "GANTRY", "10.1.2.3")
SMALL = data_set(sop_instance_uid=b"1.2.3")
LARGE = SMALL + element(0x00991010, "OB", bytes(300_000))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk: run the tests as root")
DISK = DiskUse(used_percent=50, total_bytes=1000 << 20, free_bytes=500 << 20, files=1000, free_files=500)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool", 100)
    spool.prepare()
    return spool


def store(spool: Spool, data: bytes = SMALL) -> tuple[int, str]:
    """Status and Error Comment."""
    sink = spool.open(REQUEST)
    try:
        sink.write(data)
        answer = sink.commit()
        return answer.status, answer.comment
    finally:
        sink.discard()


def litter(spool: Spool) -> list[Path]:
    """Files in the spool that are no whole instance."""
    kept = set(spool.waiting())
    return [path for path in spool.root.rglob("*") if path.is_file() and path not in kept]


class Gauge:
    """A disk whose use the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.use = DISK
        monkeypatch.setattr(intake, "disk_use", lambda _: self.use)
        monkeypatch.setattr("studies.room.disk_use", lambda _: self.use)

    def set(self, percent: float) -> None:
        self.use = replace(DISK, used_percent=percent, free_bytes=int(DISK.total_bytes * (100 - percent) / 100))


@pytest.fixture
def gauge(monkeypatch: pytest.MonkeyPatch) -> Gauge:
    return Gauge(monkeypatch)


class TestWatermarks:
    def test_crowded_then_full_and_back_with_hysteresis(self, spool: Spool, gauge: Gauge) -> None:
        gate = Intake(spool.root, 92, spool.root.parent)
        states = []
        for percent in (84.9, 85, 91.9, 92, 87.1, 86.9, 80.1, 79.9):
            gauge.set(percent)
            report = gate.poll()
            states.append((percent, is_refusing(gate), gate.congestion, report.is_open))
        assert states == [
            (84.9, False, "", True),
            (85, False, "the disk is filling up", False),
            (91.9, False, "the disk is filling up", False),
            (92, True, "the disk is nearly full", False),
            (87.1, True, "the disk is nearly full", False),
            (86.9, False, "the disk is filling up", False),
            (80.1, False, "the disk is filling up", False),
            (79.9, False, "", True),
        ]

    def test_a_process_that_starts_later_agrees(self, spool: Spool, gauge: Gauge) -> None:
        gauge.set(93)
        Intake(spool.root, 92, spool.root.parent).poll()
        gauge.set(90)
        later = Intake(spool.root, 92, spool.root.parent)
        later.poll()
        assert is_refusing(later)

    def test_words_say_what_to_do(self, spool: Spool, gauge: Gauge) -> None:
        gate = Intake(spool.root, 92, spool.root.parent)
        gauge.set(95)
        assert gate.poll().words == (
            "95 % of the disk is in use, the limit is 92 %: instances are refused until it is under 87 %. "
            "Free space or enlarge the disk."
        )
        gauge.set(86)
        assert "devices that want to store are turned away for now, from 85 % on" in gate.poll().words

    def test_a_hundred_percent_is_no_watermark(self, spool: Spool, gauge: Gauge) -> None:
        gauge.set(95)
        Intake(spool.root, 92, spool.root.parent).poll()
        gate = Intake(spool.root, 100, spool.root.parent)
        gauge.set(100)
        assert gate.poll().is_open
        assert not is_refusing(gate)
        assert list(spool.root.parent.iterdir()) == [spool.root]

    def test_a_full_hot_store_on_another_disk_counts_too(self, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
        gate = Intake(spool.root, 92, spool.root.parent, store=spool.root / "hot")
        monkeypatch.setattr(intake, "disk_use", lambda _: DISK)
        monkeypatch.setattr(watermarks, "disk_use", lambda _: replace(DISK, used_percent=99))
        gate.poll()
        assert is_refusing(gate)

    def test_a_hot_store_that_is_away_closes_nothing(self, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(intake, "disk_use", lambda _: DISK)
        gate = Intake(spool.root, 92, spool.root.parent, store=spool.root / "not mounted")
        assert gate.poll().is_open

    def test_many_files_without_rows_make_a_crowded_disk_a_full_one(
        self, spool: Spool, gauge: Gauge, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watermarks, "BACKLOG_FILES", 3)
        for _ in range(4):
            assert store(spool)[0] == StoreStatus.SUCCESS
        gate = Intake(spool.root, 92, spool.root.parent)
        gauge.set(50)
        gate.poll()
        assert not is_refusing(gate)
        gauge.set(86)
        gate.poll()
        assert is_refusing(gate)


class TestRoom:
    def test_transfers_cannot_promise_more_than_there_is(self, tmp_path: Path, gauge: Gauge) -> None:
        gauge.use = replace(DISK, total_bytes=1000 << 20, free_bytes=110 << 20)
        room = Room(tmp_path, 90, processes=2)  # 10 MiB below the watermark, 5 for this process
        promised = sum(iter(lambda: begin(room), 0))
        assert 4 << 20 < promised <= 5 << 20

    def test_what_was_not_written_is_free_again(self, tmp_path: Path, gauge: Gauge) -> None:
        gauge.use = replace(DISK, free_bytes=(100 << 20) + (256 << 10))
        room = Room(tmp_path, 90, processes=1)
        for _ in range(100):
            step = room.begin()
            room.end(step, step)
        assert room.begin() > 0

    def test_what_was_written_is_not_counted_twice(self, tmp_path: Path, gauge: Gauge) -> None:
        gauge.use = replace(DISK, free_bytes=200 << 20)
        room = Room(tmp_path, 90, processes=1)  # 100 MiB to write
        step, written = room.begin(), 0
        with suppress(OSError):
            while written < 200 << 20:
                written += step
                gauge.use = replace(DISK, free_bytes=(200 << 20) - written)
                step = room.go_on(step, 1)
        assert 98 << 20 <= written <= 100 << 20

    def test_files_are_shared_out_too(self, tmp_path: Path, gauge: Gauge) -> None:
        gauge.use = replace(DISK, files=1000, free_files=105)
        room = Room(tmp_path, 90, processes=1)
        count = 0
        while begin(room):
            count += 1
            gauge.use = replace(DISK, files=1000, free_files=105 - count)
        assert count == 5


@needs_root
class TestSmallDisks:
    @pytest.mark.parametrize("options", ["size=16m", "size=64m,nr_inodes=120"], ids=["bytes", "inodes"])
    @pytest.mark.parametrize("high_percent", [90, 100], ids=["watermark", "no watermark"])
    def test_fill_refuse_free_resume(self, tmp_path: Path, options: str, high_percent: int) -> None:
        with small_disk(tmp_path / "spool", options) as folder:
            spool = Spool(folder, high_percent)
            spool.prepare()
            for _ in range(3):
                answers = fill(spool)
                kept = list(spool.waiting())
                assert len(kept) == len([status for status, _ in answers if status == StoreStatus.SUCCESS]) > 20
                assert {status for status, _ in answers} == {StoreStatus.SUCCESS, StoreStatus.OUT_OF_RESOURCES}
                assert all(path.read_bytes().endswith(LARGE) for path in kept)
                assert litter(spool) == []
                if high_percent < 100:
                    assert disk_use(folder).used_percent < 91
                for path in kept:
                    path.unlink()
                assert spool.intake.poll().is_open
                assert not spool.intake.suspicion.words()

    def test_large_transfers_at_once_stay_below_the_watermark(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "spool", "size=64m") as folder:
            spool = Spool(folder, 80)
            spool.prepare()
            sinks = [spool.open(REQUEST) for _ in range(6)]
            highest = 0.0
            for sink in sinks:
                sink.write(SMALL)
            for _ in range(200):  # 6 x 25 MiB into 51 MiB
                for sink in sinks:
                    sink.write(bytes(128 << 10))
                highest = max(highest, disk_use(folder).used_percent)
            assert 70 < highest <= 80
            statuses = [sink.commit().status for sink in sinks]
            assert statuses.count(StoreStatus.OUT_OF_RESOURCES) >= 4  # what these gave back let others go on

    def test_a_refused_transfer_gives_its_space_back_at_once(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "spool", "size=16m") as folder:
            spool = Spool(folder, 100)
            spool.prepare()
            sink = spool.open(REQUEST)
            for _ in range(200):
                sink.write(bytes(128 << 10))
            assert disk_use(folder).used_percent < 5
            assert store(spool)[0] == StoreStatus.SUCCESS
            assert sink.commit().status == StoreStatus.OUT_OF_RESOURCES

    def test_a_disk_that_is_enlarged_takes_in_again(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "spool", "size=8m") as folder:
            spool = Spool(folder, 90)
            spool.prepare()
            fill(spool)
            spool.intake.poll()
            resize(folder, "size=64m")
            assert spool.intake.poll().is_open
            assert store(spool, LARGE)[0] == StoreStatus.SUCCESS


class TestSuspicion:
    @pytest.mark.parametrize("call", ["writev", "fdatasync", "link", "fsync"])
    @pytest.mark.parametrize("number", [errno.EIO, errno.EROFS])
    def test_once_closes_until_the_probe_passes(
        self, spool: Spool, monkeypatch: pytest.MonkeyPatch, call: str, number: int
    ) -> None:
        failing = FailingCall(monkeypatch, call, number, times=1)
        assert store(spool) == (StoreStatus.OUT_OF_RESOURCES, f"cannot store now: {os.strerror(number)}")
        assert failing.count == 1
        assert store(spool) == (
            StoreStatus.OUT_OF_RESOURCES,
            f"cannot store now: the disk failed ({os.strerror(number)})",
        )
        assert "failed" in spool.intake.congestion
        assert spool.intake.poll().is_suspect
        pass_probe(spool, monkeypatch)
        assert store(spool)[0] == StoreStatus.SUCCESS
        assert len(list(spool.waiting())) == 1
        assert litter(spool) == []

    @pytest.mark.parametrize("call", ["fsync", "write"])
    def test_for_good_stays_closed(self, spool: Spool, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
        spool.intake.failed(OSError(errno.EIO, ""))
        failing = FailingCall(monkeypatch, call)
        for _ in range(3):
            pass_probe(spool, monkeypatch)
            assert store(spool)[0] == StoreStatus.OUT_OF_RESOURCES
        assert failing.count >= 3
        assert litter(spool) == []
        failing.is_failing = False
        pass_probe(spool, monkeypatch)
        assert store(spool)[0] == StoreStatus.SUCCESS

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE])
    def test_a_shortage_says_nothing_against_the_disk(
        self, spool: Spool, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        FailingCall(monkeypatch, "fdatasync", number, times=1)
        assert store(spool)[0] == StoreStatus.OUT_OF_RESOURCES
        assert store(spool)[0] == StoreStatus.SUCCESS

    def test_other_processes_and_later_ones_know(self, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
        other = Spool(spool.root, 100)
        other.intake.poll()
        spool.intake.failed(OSError(errno.EIO, ""))
        assert store(other)[0] == StoreStatus.SUCCESS  # it has not looked yet
        other.intake.poll()
        assert store(other)[0] == StoreStatus.OUT_OF_RESOURCES
        pass_probe(other, monkeypatch)
        spool.intake.poll()
        assert store(spool)[0] == StoreStatus.SUCCESS

    def test_a_mark_that_cannot_be_written_is_remembered(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mark = Mark(tmp_path / "not there" / "mark")
        doubt = Suspicion(tmp_path, mark)
        assert doubt.consider(OSError(errno.EIO, ""))
        assert doubt.words() == "Input/output error"
        monkeypatch.setattr(suspicion, "PROBE_SECONDS", 0)
        doubt.consider(OSError(errno.EIO, ""))
        doubt.probe_when_due()
        assert doubt.words() == ""

    def test_a_probe_does_not_end_a_newer_suspicion(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        doubt = Suspicion(tmp_path, Mark(tmp_path / "mark"))
        monkeypatch.setattr(suspicion, "PROBE_SECONDS", 0)
        doubt.consider(OSError(errno.EIO, ""))
        os.utime(tmp_path / "mark", (1, 1))
        monkeypatch.setattr(suspicion, "probe", lambda _: doubt.consider(OSError(errno.EIO, "")))
        doubt.probe_when_due()
        assert doubt.words()

    def test_a_disk_that_gives_back_other_bytes_fails_the_probe(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        probe(tmp_path)
        monkeypatch.setattr(suspicion, "_read_past_cache", lambda _: bytes(suspicion.PROBE_BYTES))
        with pytest.raises(OSError, match="other bytes"):
            probe(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_a_spool_that_went_away_is_suspect(self, spool: Spool) -> None:
        spool.root.rename(spool.root.with_name("elsewhere"))
        report = spool.intake.poll()
        assert report.is_suspect
        assert "No such file or directory" in report.words


class TestStall:
    @pytest.mark.parametrize("call", ["writev", "fdatasync", "fsync"])
    def test_a_call_that_hangs_closes_until_it_ends(
        self, spool: Spool, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        monkeypatch.setattr(intake, "STALL_SECONDS", -1)
        hangs, goes_on = threading.Event(), threading.Event()
        real = getattr(os, call)

        def hang(*args: object) -> object:
            hangs.set()
            assert goes_on.wait(60)
            return real(*args)

        monkeypatch.setattr(os, call, hang)
        answers: list[tuple[int, str]] = []
        thread = threading.Thread(target=lambda: answers.append(store(spool)))
        thread.start()
        assert hangs.wait(60)
        spool.intake.poll()
        assert spool.intake.congestion == "the disk does not answer"
        assert store(spool) == (StoreStatus.OUT_OF_RESOURCES, "cannot store now: the disk does not answer")
        assert answers == []
        goes_on.set()
        thread.join(60)
        assert answers == [(StoreStatus.SUCCESS, "")]
        spool.intake.poll()
        assert spool.intake.congestion == ""


def begin(room: Room) -> int:
    """The step of a transfer that begins; 0 when none may."""
    try:
        return room.begin()
    except OSError:
        return 0


def is_refusing(gate: Intake) -> bool:
    try:
        gate.check()
    except OSError:
        return True
    return False


def fill(spool: Spool) -> list[tuple[int, str]]:
    """Store until it was refused ten times."""
    answers: list[tuple[int, str]] = []
    while [status for status, _ in answers].count(StoreStatus.OUT_OF_RESOURCES) < 10:
        answers.append(store(spool, LARGE))
        assert len(answers) < 1000
    return answers


def pass_probe(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the spool's disk be tested now."""
    with monkeypatch.context() as now:
        now.setattr(suspicion, "PROBE_SECONDS", -1)
        spool.intake.suspicion.probe_when_due()  # the first look only sets the time
        spool.intake.suspicion._probe_at = 0
        spool.intake.suspicion.probe_when_due()
    spool.intake.poll()
