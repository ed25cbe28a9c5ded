"""``kill -9`` of workers in every step of moves: at no instant is an instance without a verified copy (F21, I15)."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from gateway.env import BASE_DIR
from tests.faults.moving_worker import GOAL, RECEIVED
from tests.journeys.product import Product, product, wait_until
from tests.s3_server import s3_server

pytestmark = [pytest.mark.embedded, pytest.mark.journey]
BUCKET = "images"
STEP_SECONDS = 20  # for a worker to come to a step; then it is killed wherever it is
# (module or class, function, call): what a worker is about to do when it ends.
STEPS = (
    ("tiering.carry_out", "carry_out", "2"),  # claimed, and nothing done
    ("tiering.put_away", "write_pack", "1"),  # a row for a pack, and no object
    ("tiering.tar", "filling", "2"),  # in the middle of an object
    ("tiering.put_away", "verify_pack", "1"),  # written, not read back
    ("tiering.packs", "_compare", "2"),
    ("tiering.packs:Pack.objects", "filter", "2"),  # read back, not noted
    ("tiering.carry_out", "_switch", "1"),  # verified, not switched
    ("tiering.carry_out:TierChange.objects", "create", "1"),  # within the transaction that switches
    ("tiering.remove", "held", "1"),  # switched
    ("tiering.remove", "_unlink", "3"),  # some files are removed
    ("tiering.remove", "remove_pack", "1"),  # a pack counts as gone, its object is there
    ("tiering.packs:Pack", "delete", "1"),  # its object is gone, its row is there
    ("tiering.hot_file", "_write_part", "2"),  # some files are back
    ("tiering.hot_file", "is_intact_in_hot_store", "2"),  # a file is in its place, not read back
    ("tiering.bring_back", "sync_folder", "1"),
)

FILL = """
import hashlib
from pathlib import Path
from django.conf import settings
from django.utils import timezone
from dicomnet.web.secrets import seal
from studies.models import Instance, Study
from tests.retrieving import keep_study
from tiering.models import Location

url = {endpoint!r}
s3 = dict(kind="s3", bucket={bucket!r}, endpoint_url=url, access_key="k", secret_key=seal("s", place=url))
folder = dict(path={folder!r})
Location.objects.create(name="Cold", tier="cold", **({{"s3": s3, "folder": folder}}[{cold!r}]))
Location.objects.create(name="Archive", tier="archive", **({{"s3": s3, "folder": folder}}[{archive!r}]))
kept = {{}}
for number in range(2, 5):
    kept |= keep_study(f"1.{{number}}", series=2, instances=4, pixels=20_000)
kept |= keep_study("1.9", instances=4, pixels=5_000_000)  # several parts of an upload
Instance.objects.update(planned_at=timezone.now())
Study.objects.update(completed_at=timezone.now())
with (Path(settings.GANTRY.home) / {received!r}).open("w") as book:
    for uid, content in kept.items():
        book.write(f"{{uid}} {{hashlib.sha256(content).hexdigest()}}\\n")
"""


class Process:
    """One process of ``tests.faults.moving_worker``."""

    def __init__(self, installation: Product, *words: str) -> None:
        self.log = installation.home / "worker.txt"
        log = self.log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.moving_worker", *words],
            cwd=BASE_DIR,
            env=installation.environment,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        log.close()
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"working\n", self.log.read_text()

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert self.process.returncode in {-signal.SIGKILL, 0}, self.log.read_text()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@dataclass
class Shelves:
    """Reads what is stored with nothing of the product: rows, files and objects."""

    installation: Product
    folder: Path
    client: Any
    kinds: dict[str, str]

    @property
    def acknowledged(self) -> dict[str, str]:
        lines = (self.installation.home / RECEIVED).read_text().splitlines()
        return dict(line.split() for line in lines)

    def objects(self, location: str) -> dict[str, bytes]:
        if self.kinds[location] == "s3":
            found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
            return {each["Key"]: self._object(each["Key"]) for each in found}
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}

    def _object(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def hot_files(self) -> list[Path]:
        return [path for path in (self.installation.home / "hot").rglob("*") if path.is_file()]

    def expect_a_verified_copy_of_each(self) -> None:
        """In the hot store, or in a pack that counts as verified; of what nobody counts on nothing is expected."""
        stored = {name: self.objects(name) for name in ("Cold", "Archive")}
        copies: dict[int, list[tuple[str, str, int]]] = {}
        for pk, *place in self.installation.query(
            "SELECT c.instance_id, l.name, p.key, c.offset FROM tiering_copy c JOIN tiering_pack p ON p.id = c.pack_id"
            " JOIN tiering_location l ON l.id = p.location_id WHERE p.state = 'verified'"
        ):
            copies.setdefault(pk, []).append((place[0], place[1], place[2]))
        rows = {row[1]: row for row in self.installation.query(ROWS)}
        for uid, sha256 in self.acknowledged.items():
            pk, _, tier, location, size, head = rows[uid]
            path = self.installation.home / "hot" / location
            places = [stored[name].get(key, b"")[at : at + size] for name, key, at in copies.get(pk, [])]
            if path.exists():
                places.append(path.read_bytes())
            hashes = {hashlib.sha256(content[head:]).hexdigest() for content in places if len(content) == size}
            assert sha256 in hashes, (uid, tier, path.exists(), copies.get(pk))

    def expect_nothing_doubled_or_half_written(self, tier: str) -> None:
        """Rows, files and objects say the same, and each instance is once in each location."""
        packs = self.installation.query(
            "SELECT l.name, p.key, p.size_bytes, p.state FROM tiering_pack p"
            " JOIN tiering_location l ON l.id = p.location_id"
        )
        assert {state for *_, state in packs} <= {"verified"}
        for name in ("Cold", "Archive"):
            found = {key: len(content) for key, content in self.objects(name).items()}
            assert found == {key: size for location, key, size, _ in packs if location == name}
        assert not self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
        doubled = self.installation.query(
            "SELECT c.instance_id FROM tiering_copy c JOIN tiering_pack p ON p.id = c.pack_id"
            " GROUP BY c.instance_id, p.location_id HAVING count(*) > 1"
        )
        assert doubled == []
        rows = self.installation.query(ROWS)
        assert sorted(row[1] for row in rows) == sorted(self.acknowledged)
        hot = {str(path.relative_to(self.installation.home / "hot")) for path in self.hot_files()}
        assert hot == ({row[3] for row in rows} if tier == "hot" else set())


ROWS = "SELECT id, sop_instance_uid, tier, location, size_bytes, data_set_offset FROM studies_instance"


def is_over(installation: Product, tier: str) -> bool:
    open_moves = "SELECT count(*) FROM tiering_move WHERE state IN ('waiting', 'copying', 'switched')"
    tiers = {row[2] for row in installation.query(ROWS)}
    return not installation.count(open_moves) and tiers == {tier}


def kill_again_and_again(home: Path, cold: str, archive: str, times: int, first_step: int = 0) -> set[int]:
    """Returns the steps at which workers ended."""
    seeded, met = random.Random(times), set()
    with ExitStack() as stack:
        endpoint = stack.enter_context(s3_server()).replace("localhost", "127.0.0.1")
        client = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id="k", aws_secret_access_key="s")
        client.create_bucket(Bucket=BUCKET)
        settings = {"GANTRY_TIER_GRACE_SECONDS": "0", "GANTRY_LOG_LEVEL": "ERROR"}
        installation = stack.enter_context(product(home, **settings))
        folder = home / "disk"
        folder.mkdir(parents=True)
        assert (done := installation.run("migrate")).returncode == 0, done.stderr
        code = FILL.format(
            bucket=BUCKET, endpoint=endpoint, folder=str(folder), cold=cold, archive=archive, received=RECEIVED
        )
        assert (done := installation.run("shell", "--no-imports", "-c", code)).returncode == 0, done.stderr
        shelves = Shelves(installation, folder, client, {"Cold": cold, "Archive": archive})
        receiver = Process(installation, "receive")
        stack.callback(receiver.kill)
        other = Process(installation, "move")
        stack.callback(lambda: other.kill())  # noqa: PLW0108 (whichever it is then)
        for number in range(times):
            # Every second one at a step, the others wherever they are.
            step = (first_step + number // 2) % len(STEPS) if number % 2 == 0 else None
            worker = Process(installation, "move", *(STEPS[step] if step is not None else ()))
            if step is None:
                time.sleep(seeded.uniform(0, 1.5))
            else:
                with suppress(AssertionError):
                    wait_until(lambda worker=worker: worker.has_ended, STEP_SECONDS)  # type: ignore[misc]
                    met.add(step)
            worker.kill()
            assert not other.has_ended, other.log.read_text()
            with other.standing_still(), receiver.standing_still():
                shelves.expect_a_verified_copy_of_each()
            if number % 4 == 3:
                other.kill()
                other = Process(installation, "move")
        wait_until(lambda: receiver.has_ended, 120)
        for tier in ("cold", "hot"):
            finish(installation, shelves, tier)
        other.kill()
    return met


def finish(installation: Product, shelves: Shelves, tier: str) -> None:
    """Everything comes to one tier, and nothing of what was broken off is left."""
    (installation.home / GOAL).write_text(tier)
    worker = Process(installation, "move")
    try:
        wait_until(
            lambda: is_over(installation, tier),
            180,
            lambda: installation.query("SELECT state, to_tier, last_error FROM tiering_move WHERE state <> 'done'"),
        )
    finally:
        worker.kill()
    swept = subprocess.run(
        [sys.executable, "-m", "tests.faults.moving_worker", "sweep"],
        cwd=BASE_DIR,
        env=installation.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert swept.returncode == 0, swept.stderr
    shelves.expect_a_verified_copy_of_each()
    shelves.expect_nothing_doubled_or_half_written(tier)
    states = dict(installation.query("SELECT state, count(*) FROM tiering_move GROUP BY state"))
    assert set(states) <= {"done", "cancelled"}, states  # who wants to read turns a move round


@pytest.mark.parametrize(("cold", "archive"), [("folder", "s3")])
def test_killed_moves_lose_nothing(tmp_path: Path, cold: str, archive: str) -> None:
    kill_again_and_again(tmp_path / "home", cold, archive, times=4, first_step=2)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("cold", "archive"), [("folder", "s3"), ("s3", "folder")])
def test_sixty_killed_moves_lose_nothing(tmp_path: Path, cold: str, archive: str) -> None:
    met = kill_again_and_again(tmp_path / "home", cold, archive, times=60)
    assert met == set(range(len(STEPS)))
