"""The power goes: the file system forgets what was not synced; what was acknowledged is there."""

import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicomnet.scu.association import Peer
from tests.journeys.dcmtk import storescp
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import Sender, write_instances
from tests.journeys.test_kill import STATES, expect_all, is_delivered

pytestmark = [pytest.mark.journey, pytest.mark.peers, pytest.mark.embedded]
FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = struct.pack("I", 2)
SIZE_BYTES = 400 << 20
COUNT = 600


@contextmanager
def loop_disk(image: Path, mount_point: Path) -> Iterator[None]:
    """An ext4 in a file, mounted; left when the block ends."""
    subprocess.run(["mount", "-o", "loop", str(image), str(mount_point)], check=True)
    try:
        yield
    finally:
        for _ in range(50):
            if subprocess.run(["umount", str(mount_point)], check=False, capture_output=True).returncode == 0:
                break
            time.sleep(0.2)
        else:
            subprocess.run(["umount", "--lazy", str(mount_point)], check=False)


def cut_power(mount_point: Path) -> None:
    """From now on the disk takes nothing, and what was not on it is lost."""
    fd = os.open(mount_point, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FS_IOC_SHUTDOWN, NO_LOG_FLUSH)
    finally:
        os.close(fd)


@pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("mkfs.ext4"), reason="needs root and mkfs.ext4 to mount a disk"
)
def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path) -> None:
    files = write_instances(tmp_path / "made", COUNT)
    image, disk = tmp_path / "disk.img", tmp_path / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with storescp(tmp_path / "pacs") as pacs, product(disk / "home") as running:
        with loop_disk(image, disk):
            running.start()
            running.configure(destinations={"PACS": ("PACS", pacs)})
            sender = Sender(Peer("GANTRY", "127.0.0.1", running.dicom_port, "MODALITY"), files)
            thread = sender.start()
            wait_until(lambda: len(sender.acknowledged) >= COUNT // 2, 60)
            before_the_cut = dict(sender.acknowledged)
            cut_power(disk)
            running.kill()
        # What was answered after the cut began is not known to be safe: it is sent again, as if it were new.
        sender.give_up()
        thread.join(30)
        with loop_disk(image, disk):
            running.start()
            lost = set(before_the_cut) - received(running)
            assert not lost
            again = Sender(sender.peer, files)
            again.start().join(60)
            wait_until(lambda: is_delivered(running, COUNT), 90, lambda: running.query(STATES))
            expect_all(running, again, tmp_path / "pacs", COUNT)
            running.stop()


def received(running: Product) -> set[str]:
    """UIDs in the index, once the spool is empty."""
    wait_until(lambda: not list((running.home / "spool" / "new").rglob("*.dcm")), 60)
    return {uid for (uid,) in running.query("SELECT sop_instance_uid FROM studies_instance")}
