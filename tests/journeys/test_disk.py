"""The disk becomes full, or fails: instances are refused in time, then taken again, and none is lost or in pieces."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.journeys.dcmtk import storescp
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import Sender, write_instances
from tests.journeys.test_kill import STATES, expect_all, is_delivered, peer_of
from tests.studies.disks import small_disk

pytestmark = [pytest.mark.journey, pytest.mark.peers, pytest.mark.embedded]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk: run the tests as root")
COUNT = 160


@needs_root
def test_a_disk_without_bytes_or_inodes_refuses_and_goes_on(tmp_path: Path) -> None:
    files = write_instances(tmp_path / "made", COUNT)
    with (
        storescp(tmp_path / "pacs") as pacs,
        small_disk(tmp_path / "disk", "size=400m,nr_inodes=20000") as disk,
        product(disk / "home", GANTRY_SPOOL_HIGH_PERCENT="60") as running,
    ):
        running.start()
        running.configure(destinations={"PACS": ("PACS", pacs)})
        sender = Sender(peer_of(running), files, pause_seconds=0.05)
        thread = sender.start()
        for fill in (fill_bytes, fill_inodes):
            refused, stored = len(sender.refused), len(sender.acknowledged)
            fill(disk / "ballast")
            wait_until(lambda refused=refused: len(sender.refused) > refused + 3, 60)  # type: ignore[misc]
            shutil.rmtree(disk / "ballast")
            wait_until(lambda stored=stored: len(sender.acknowledged) > stored + 20, 60)  # type: ignore[misc]
        thread.join(120)
        assert all("0xA700" in words for words in sender.refused), set(sender.refused)
        wait_until(lambda: is_delivered(running, COUNT), 90, lambda: running.query(STATES))
        expect_all(running, sender, tmp_path / "pacs", COUNT)


def fill_bytes(folder: Path) -> None:
    folder.mkdir()
    with (folder / "large").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 260 << 20)  # past the watermark, with room for the database


def fill_inodes(folder: Path) -> None:
    folder.mkdir()
    for number in range(13_000):
        (folder / str(number)).touch()


@needs_root
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to have system calls fail")
def test_a_disk_that_fails_is_not_trusted_until_it_passes_its_test(tmp_path: Path) -> None:
    files = write_instances(tmp_path / "made", COUNT)
    with storescp(tmp_path / "pacs") as pacs, product(tmp_path / "home") as running:
        mark = running.home / "run" / "spool.suspect"
        running.start()
        running.configure(destinations={"PACS": ("PACS", pacs)})
        sender = Sender(peer_of(running), files, pause_seconds=0.05)
        thread = sender.start()
        for call in ("fdatasync", "fsync"):
            refused, stored = len(sender.refused), len(sender.acknowledged)
            with failing(running, call):
                wait_until(lambda refused=refused: len(sender.refused) > refused + 3, 60)  # type: ignore[misc]
                wait_until(mark.exists, 20)
            wait_until(lambda stored=stored: len(sender.acknowledged) > stored + 20, 60)  # type: ignore[misc]
        thread.join(120)
        assert all("0xA700" in words for words in sender.refused), set(sender.refused)
        wait_until(lambda: is_delivered(running, COUNT), 90, lambda: running.query(STATES))
        assert not mark.exists()
        assert any("the spool's disk failed" in line["event"] for line in running.log("scp"))
        expect_all(running, sender, tmp_path / "pacs", COUNT)


@contextmanager
def failing(running: Product, call: str) -> Iterator[None]:
    """This system call gives EIO in the listeners until the block ends."""
    pids = [f"--attach={process.pid}" for process in running.processes("runscp")]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", *pids, f"--inject={call}:error=EIO"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(30)
            assert tracer.stderr is not None
            # strace itself sometimes wonders about a call that was under way when it came.
            said = [line for line in tracer.stderr.read().splitlines() if b"ptrace_syscall_info" not in line]
            assert said == []
