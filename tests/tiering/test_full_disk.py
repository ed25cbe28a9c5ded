"""A disk that is full: the move waits and says so, what was half written is gone, and it goes on when there is room."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from studies.models import Instance, Study, Tier
from tests.retrieving import keep_study
from tests.tiering.conftest import objects_of
from tests.tiering.test_moves import files, go_on, move
from tiering.ask import ask_for_move
from tiering.carry_out import work
from tiering.models import Location, MoveState, Pack, PackState

pytestmark = [pytest.mark.embedded, pytest.mark.django_db]
ROOM_BYTES = 512 << 10


@contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[], object]]:
    """A file system of half a MiB at a folder; what it yields makes room.

    Whoever may not mount has files that cannot grow beyond that instead: another number from the kernel, at the same
    call.
    """
    if os.geteuid() == 0:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", str(folder)], check=True)
        try:
            yield lambda: subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, hard))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def large() -> Study:
    """A series of which two instances do not fit on a small disk."""
    keep_study(instances=3, pixels=700 << 10)
    Instance.objects.update(planned_at="2026-01-01T00:00:00Z")
    Study.objects.update(completed_at="2026-01-01T00:00:00Z")
    return Study.objects.get()


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_disk_of_a_location(large: Study, cold: Location) -> None:
    before = files()
    with small_disk(Path(cold.path)) as make_room:
        asked = ask_for_move(large, Tier.COLD, by="test")
        work(seconds=20)

        asked.refresh_from_db()
        assert asked.state == MoveState.COPYING
        assert "free some of it, and the move goes on" in asked.last_error
        assert (files(), leftovers(Path(cold.path))) == (before, [])

        make_room()
        go_on()
        asked.refresh_from_db()
        assert (asked.state, files()) == (MoveState.DONE, {})
        assert len(objects_of(cold)) == Pack.objects.filter(state=PackState.VERIFIED).count() == 1
        move(large, Tier.HOT)
        assert files() == before


def test_the_hot_disk_on_the_way_back(large: Study, cold: Location) -> None:
    before = files()
    move(large, Tier.COLD)
    hot = settings.GANTRY.storage
    with small_disk(hot) as make_room:
        back = ask_for_move(large, Tier.HOT, by="test")
        work(seconds=20)

        back.refresh_from_db()
        large.refresh_from_db()
        assert (back.state, large.tier) == (MoveState.COPYING, Tier.COLD)
        assert "free some of it" in back.last_error
        assert leftovers(hot) == []

        make_room()
        assert move(large, Tier.HOT).state == MoveState.DONE
        assert files() == before
