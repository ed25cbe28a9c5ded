"""Studies go to a slower tier and come back while the worker is killed, again and again (F21, I15)."""

import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pydicom import dcmread

from benchmarks.query import authorization_for
from dicomnet.scu.association import Peer
from tests.journeys.dcmtk import data_set_of
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import Sender, write_instances
from tiering.claim import LEASE

pytestmark = [pytest.mark.embedded, pytest.mark.journey]
STUDIES, EACH = 12, 8
SLOW = 400_000  # bytes a second: so that a kill meets a move that is under way


def make_location(running: Product, folder: Path) -> None:
    code = (
        "from tiering.models import Location; "
        f"Location.objects.create(name='Cold', tier='cold', path={str(folder)!r}, bytes_per_second={SLOW})"
    )
    done = running.run("shell", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr


def ask_for_all(running: Product, tier: str) -> None:
    code = (
        "from studies.models import Study; from tiering.ask import ask_for_move; "
        f"[ask_for_move(study, {tier!r}, by='test') for study in Study.objects.all()]"
    )
    done = running.run("shell", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr


def states(running: Product) -> dict[str, int]:
    return dict(running.query("SELECT state, count(*) FROM tiering_move GROUP BY state"))


def hot_files(running: Product) -> list[Path]:
    return [path for path in (running.home / "hot").rglob("*.dcm") if path.is_file()]


def expect_a_right_copy_of_each(running: Product, cold: Path, acknowledged: dict[str, str]) -> None:
    """In the hot store, or in a pack that counts as verified; of what nobody counts on nothing is expected."""
    rows = running.query("SELECT id, sop_instance_uid, location, size_bytes, data_set_offset FROM studies_instance")
    packed = {
        row[0]: row[1:]
        for row in running.query(
            "SELECT c.instance_id, p.key, c.offset FROM tiering_copy c JOIN tiering_pack p ON p.id = c.pack_id"
            " WHERE p.state = 'verified'"
        )
    }
    assert len(rows) == len(acknowledged)
    for pk, uid, location, size, head in rows:
        try:
            content = (running.home / "hot" / location).read_bytes()
        except FileNotFoundError:
            key, offset = packed[pk]
            with (cold / key).open("rb") as file:
                file.seek(offset)
                content = file.read(size)
        assert hashlib.sha256(content[head:]).hexdigest() == acknowledged[uid]


def kill_workers(running: Product, times: int) -> None:
    for number in range(times):
        wait_until(lambda: is_at_work(running) or is_over(running), 90)
        if is_over(running):
            return
        time.sleep(0.13 * (number % 7))
        for process in running.processes("-Q tier")[-1:]:
            process.kill()


def is_at_work(running: Product) -> bool:
    """A worker that is there has claimed a move: one that was killed before could not have."""
    pids = [process.pid for process in running.processes("-Q tier")]
    if not pids:
        return False
    started = max(psutil.Process(pid).create_time() for pid in pids)
    # A lease is for so long from the moment of its last renewal.
    renewed = running.query("SELECT max(lease_until) FROM tiering_move WHERE lease_token <> ''")[0][0]
    if renewed is None:
        return False
    until = datetime.fromisoformat(str(renewed))
    if until.tzinfo is None:  # SQLite keeps UTC without saying so
        until = until.replace(tzinfo=UTC)
    return (until - LEASE).timestamp() > started


def is_over(running: Product) -> bool:
    return set(states(running)) == {"done"}


@pytest.mark.parametrize(
    "kills",
    [pytest.param(1, id="one kill each way"), pytest.param(10, id="ten kills each way", marks=pytest.mark.faults)],
)
def test_away_and_back_under_kills(tmp_path: Path, kills: int) -> None:
    files = write_instances(tmp_path / "made", STUDIES * EACH, studies=STUDIES, pixels=128)
    (cold := tmp_path / "cold").mkdir()
    with product(tmp_path / "home", GANTRY_TIER_GRACE_SECONDS="1", GANTRY_STABLE_SECONDS="1") as running:
        running.start()
        make_location(running, cold)
        sender = Sender(Peer("GANTRY", "127.0.0.1", running.dicom_port, "MODALITY"), files)
        sender.start().join(60)
        count = "SELECT count(*) FROM studies_instance WHERE planned_at IS NOT NULL"
        wait_until(lambda: running.count(count) == len(files), 60)

        ask_for_all(running, "cold")
        kill_workers(running, kills)
        expect_a_right_copy_of_each(running, cold, sender.acknowledged)
        wait_until(lambda: not hot_files(running), 180, lambda: states(running))
        wait_until(lambda: states(running) == {"done": STUDIES}, 60, lambda: states(running))
        expect_a_right_copy_of_each(running, cold, sender.acknowledged)
        assert len(list(cold.rglob("*.tar"))) == STUDIES  # nothing doubled, nothing half written

        expect_it_comes_when_it_is_read(running, sender.acknowledged)
        ask_for_all(running, "hot")
        kill_workers(running, kills)
        wait_until(lambda: len(hot_files(running)) == len(files), 180, lambda: states(running))
        wait_until(lambda: set(states(running)) == {"done"}, 60, lambda: states(running))
        found = {path: hashlib.sha256(data_set_of(path)).hexdigest() for path in hot_files(running)}
        assert sorted(found.values()) == sorted(sender.acknowledged.values())


def expect_it_comes_when_it_is_read(running: Product, acknowledged: dict[str, str]) -> None:
    """A reader is told to come back, and gets the same bytes then."""
    study, series = "2.25.70", "2.25.70.1"
    instance = next(uid for uid in acknowledged if uid.startswith("2.25.70.1."))
    url = f"http://127.0.0.1:{running.http_port}/dicom-web/studies/{study}/series/{series}/instances/{instance}"
    headers = {
        "Authorization": authorization_for(running),
        "Accept": "application/dicom; transfer-syntax=*",
    }
    first = httpx.get(url, headers=headers)
    assert first.status_code == 503, first.text
    assert int(first.headers["Retry-After"]) > 0

    def answer() -> Any:
        return httpx.get(url, headers=headers)

    wait_until(lambda: answer().status_code == 200, 60, lambda: answer().text)
    whole = answer().content
    folder = running.home / "fetched.dcm"
    folder.write_bytes(whole)
    assert dcmread(folder).SOPInstanceUID == instance
    assert hashlib.sha256(data_set_of(folder)).hexdigest() == acknowledged[instance]
