"""``kill -9`` of the worker that delivers: the books stay true, and every instance arrives (F3)."""

import hashlib
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.env import BASE_DIR
from tests.corpus import data_set
from tests.journeys.product import Product, product, wait_until
from tests.peers import StoringPeer, storing_peer

pytestmark = pytest.mark.journey
BATCH = 8

FILL = """
from pathlib import Path
from django.utils import timezone
from pydicom.uid import generate_uid
from routing.models import Delivery, Destination, Rule
from routing.queue import add_deliveries
from routing.rules import save_rule
from studies.models import Instance, Series, Study
from studies.storage import hot_storage
from tests.corpus import data_set, part10

now = timezone.now()
made = [Destination.objects.create(name=f"PACS {{port}}", ae_title="PEER", host="127.0.0.1", port=port,
                                   batch_size={batch}, maximum_associations=2, timeout_seconds=5) for port in {ports}]
rule = Rule(name="everything")
save_rule(rule, destinations=made)
study = Study.objects.create(study_instance_uid=generate_uid(), received_at=now, last_received_at=now)
series = Series.objects.create(study=study, series_instance_uid=generate_uid())
Path(hot_storage().location).mkdir(parents=True, exist_ok=True)
pairs = []
for number in range({count}):
    uid = str(generate_uid())
    content = data_set(sop_instance_uid=uid.encode())
    file = part10(content, sop_instance_uid=uid, sop_class_uid="1.2.840.10008.5.1.4.1.1.2")
    Path(hot_storage().path(f"{{uid}}.dcm")).write_bytes(file)
    instance = Instance.objects.create(
        series=series, sop_instance_uid=uid, sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1", location=f"{{uid}}.dcm", size_bytes=len(file),
        data_set_offset=len(file) - len(content), received_at=now, planned_at=now, calling_ae_title=f"CT{{number % 3}}")
    pairs += [(instance.pk, destination.pk) for destination in made]
add_deliveries(rule.versions.get(), pairs)
"""


class Worker:
    """One process that delivers."""

    def __init__(self, installation: Product) -> None:
        log = (installation.home / "worker.txt").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.delivery_worker"],
            cwd=BASE_DIR,
            env=installation.environment,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        log.close()
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"working\n", (installation.home / "worker.txt").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


def states(installation: Product) -> dict[str, int]:
    return dict(installation.query("SELECT state, count(*) FROM routing_delivery GROUP BY state"))


def calls(peers: list[StoringPeer]) -> int:
    return sum(len(peer.calls) for peer in peers)


def kill_again_and_again(folder: Path, times: int, count: int) -> None:
    seeded = random.Random(3)
    with ExitStack() as stack:
        peers = [stack.enter_context(storing_peer(delay_seconds=0.02)) for _ in range(2)]
        installation = stack.enter_context(product(folder))
        folder.mkdir()
        assert (done := installation.run("migrate")).returncode == 0, done.stderr
        code = FILL.format(ports=[peer.port for peer in peers], count=count, batch=BATCH)
        assert (done := installation.run("shell", "--no-imports", "-c", code)).returncode == 0, done.stderr
        for _ in range(times):
            worker = Worker(installation)
            before = calls(peers)
            # Always in the middle of something: the sinks have begun to take what this worker sends.
            wait_until(lambda before=before: calls(peers) > before or is_over(installation), 60)  # type: ignore[misc]
            time.sleep(seeded.uniform(0, 0.8))
            worker.kill()
            assert sum(states(installation).values()) == 2 * count
        last = Worker(installation)
        try:
            wait_until_over(installation)
            # One that was there at three kills is taken for what kills workers: it is set aside, and can be retried.
            installation.run("resetqueue", "--failed", "--yes")
            wait_until(lambda: states(installation) == {"delivered": 2 * count}, 120, lambda: states(installation))
        finally:
            last.kill()
        assert (done := installation.run("verifyledger")).returncode == 0, done.stderr
        sent = dict(installation.query("SELECT sop_instance_uid, location FROM studies_instance"))
        assert len(sent) == count
        for peer in peers:
            assert set(peer.received) == set(sent)
            for uid, content in peer.received.items():
                assert hashlib.sha256(content).digest() == hashlib.sha256(data_set_of(uid)).digest()
            # Sent twice is at most what was claimed when a worker was killed, by each of its associations.
            assert len(peer.calls) <= count + (times + 1) * 2 * BATCH


def data_set_of(uid: str) -> bytes:
    return data_set(sop_instance_uid=uid.encode())


def wait_until_over(installation: Product) -> None:
    """As long as it goes on: those that lost a worker go one by one, and a busy machine takes its time."""
    before = -1
    while not is_over(installation):
        delivered = states(installation).get("delivered", 0)
        assert delivered > before, states(installation)
        before = delivered
        minute_over = time.monotonic() + 60
        while time.monotonic() < minute_over and not is_over(installation):
            time.sleep(0.2)


def is_over(installation: Product) -> bool:
    found = states(installation)
    return not found.get("pending") and not found.get("sending")


def test_killed_workers_lose_nothing(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "home", times=3, count=100)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_sixty_killed_workers_lose_nothing(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "home", times=60, count=3000)
