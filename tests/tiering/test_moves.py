"""A study goes to slower tiers and comes back with the same bytes; at no step is it without a verified copy."""

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.outgoing import outgoing
from studies.errors import InstanceDamaged
from studies.integrity import ensure_intact, path_of
from studies.models import Instance, Study, Tier
from tests.factories import DeliveryFactory
from tests.retrieving import keep_study
from tests.tiering.conftest import every_way, folder_location, objects_of, tar_of
from tests.tiering.damaging import flip_copy, object_of
from tiering import bring_back, carry_out, packs, remove
from tiering import claim as queue
from tiering.ask import ask_for_move, cancel
from tiering.carry_out import work
from tiering.claim import claim
from tiering.contents import IN_CHUNKS
from tiering.errors import MoveRefused
from tiering.models import Copy, Location, Move, MoveState, Pack, PackState, TierChange
from tiering.put_away import RELIED_ON
from tiering.sources import read_copy
from tiering.tar import END

pytestmark = pytest.mark.django_db
Step = tuple[ModuleType, str]
STEPS: tuple[Step, ...] = (
    (packs, "open_store"),
    (packs, "_compare"),
    (carry_out, "_switch"),
    (remove, "held"),
    (remove, "_unlink"),
)


def files() -> dict[int, bytes]:
    """What the hot store has."""
    return {row.pk: path_of(row).read_bytes() for row in Instance.objects.all() if path_of(row).exists()}


def move(study: Study, tier: str) -> Move:
    """Ask, and let the workers do all that is due."""
    asked = ask_for_move(study, tier, by="test")
    go_on()
    asked.refresh_from_db()
    study.refresh_from_db()
    return asked


def go_on() -> None:
    for _ in range(4):
        Move.objects.update(next_attempt_at=timezone.now())
        work(seconds=20)


def claimed() -> Move:
    Move.objects.update(next_attempt_at=timezone.now())
    move = claim()
    assert move is not None
    return move


@every_way
class TestPutAway:
    def test_the_hot_files_go_when_packs_of_the_same_bytes_are_there(self, study: Study, cold: Location) -> None:
        before = files()

        done = move(study, Tier.COLD)

        assert (done.state, study.tier, files()) == (MoveState.DONE, Tier.COLD, {})
        assert done.done_bytes == done.total_bytes == sum(map(len, before.values()))
        assert set(Instance.objects.values_list("tier", flat=True)) == {Tier.COLD}
        packed = objects_of(cold)
        assert len(packed) == 2  # of each series one
        found = {}
        for pack in Pack.objects.all():
            if not pack.layout:
                assert tar_of(pack) == object_of(pack).read_bytes()
            with tarfile.open(fileobj=BytesIO(tar_of(pack))) as tar:  # any tool opens it
                for member in tar:
                    content = tar.extractfile(member)
                    assert content is not None
                    found[member.name.split("/")[0]] = content.read()
        assert found == {Instance.objects.get(pk=pk).sop_instance_uid: content for pk, content in before.items()}

    def test_what_happened_is_on_record(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        change = TierChange.objects.get()
        assert (change.from_tier, change.to_tier, change.requested_by) == (Tier.HOT, Tier.COLD, "test")

    def test_from_cold_to_the_archive(self, study: Study, cold: Location, archive: Location) -> None:
        before = files()
        move(study, Tier.COLD)
        move(study, Tier.ARCHIVE)

        assert (study.tier, objects_of(cold), len(objects_of(archive))) == (Tier.ARCHIVE, [], 2)
        move(study, Tier.HOT)
        assert files() == before

    def test_as_many_copies_as_are_asked_for(
        self, study: Study, cold: Location, elsewhere: Path, settings: Settings
    ) -> None:
        second = folder_location(elsewhere, "second", Tier.COLD)
        settings.GANTRY = replace(settings.GANTRY, tier_copies=2)
        move(study, Tier.COLD)
        assert files() == {}
        assert len(objects_of(cold)) == len(objects_of(second)) == 2

    def test_several_packs_of_a_large_series(
        self, study: Study, cold: Location, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = files()
        monkeypatch.setattr(packs, "MAXIMUM_PACK_INSTANCES", 2)
        move(study, Tier.COLD)
        assert len(objects_of(cold)) == 4
        move(study, Tier.HOT)
        assert files() == before


@every_way
class TestRecall:
    def test_the_same_bytes_come_back_and_the_copies_stay(self, study: Study, cold: Location) -> None:
        before = files()
        move(study, Tier.COLD)

        back = move(study, Tier.HOT)

        assert (back.state, study.tier, files()) == (MoveState.DONE, Tier.HOT, before)
        assert Copy.objects.count() == 6

    def test_what_has_copies_still_is_put_away_again_without_copying(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        written = [path.stat().st_mtime_ns for path in objects_of(cold)]

        move(study, Tier.COLD)

        assert files() == {}
        assert [path.stat().st_mtime_ns for path in objects_of(cold)] == written

    def test_what_a_device_sends_again_meanwhile_changes_nothing(self, study: Study, cold: Location) -> None:
        before = files()
        move(study, Tier.COLD)
        rows = list(Instance.objects.order_by("pk").values())
        keep_study(series=2, instances=3)
        assert list(Instance.objects.order_by("pk").values()) == rows
        assert files() == {}
        move(study, Tier.HOT)
        assert files() == before

    def test_a_lost_file_that_a_device_sends_again_is_copied_anew(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        victim = Instance.objects.all()[0]
        path_of(victim).unlink()
        keep_study(series=2, instances=3)
        before = files()
        assert len(before) == 6
        assert not Copy.objects.filter(instance=victim).exists()

        move(study, Tier.COLD)
        assert files() == {}
        move(study, Tier.HOT)
        assert files() == before

    def test_a_copy_that_has_rotted_since_is_not_relied_on(self, study: Study, cold: Location) -> None:
        before = files()
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        flip(objects_of(cold)[0])
        Pack.objects.update(verified_at=timezone.now() - RELIED_ON)

        move(study, Tier.COLD)
        move(study, Tier.HOT)

        assert files() == before

    def test_a_reader_turns_a_move_round(self, study: Study, cold: Location) -> None:
        before = files()
        away = ask_for_move(study, Tier.COLD, by="policy")
        ask_for_move(study, Tier.HOT, by="reader")
        go_on()
        away.refresh_from_db()
        assert (away.state, files()) == (MoveState.CANCELLED, before)

    def test_a_reader_who_comes_before_the_removal_finds_every_file(self, study: Study, cold: Location) -> None:
        before = files()
        ask_for_move(study, Tier.COLD, by="policy")
        carry_out.carry_out(claimed())
        with before_step(queue, "renew", lambda: ask_for_move(study, Tier.HOT, by="reader")):
            carry_out.carry_out(claimed())
        assert files() == before

    def test_another_copy_where_one_is_damaged(
        self, study: Study, cold: Location, elsewhere: Path, settings: Settings
    ) -> None:
        before = files()
        folder_location(elsewhere, "second", Tier.COLD)
        settings.GANTRY = replace(settings.GANTRY, tier_copies=2)
        move(study, Tier.COLD)
        flip(objects_of(cold)[0])

        back = move(study, Tier.HOT)

        assert (back.state, files()) == (MoveState.DONE, before)

    def test_the_only_copy_is_damaged(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        flip(objects_of(cold)[0])

        back = move(study, Tier.HOT)

        assert back.state == MoveState.FAILED
        assert "no copy" in back.last_error
        assert study.tier == Tier.COLD  # what is not whole is not shown as whole
        assert Pack.objects.filter(state=PackState.DAMAGED).count() == 1


@every_way
class TestNothingIsRemovedThatIsNeeded:
    def test_an_open_delivery_keeps_its_file(self, study: Study, cold: Location) -> None:
        first = Instance.objects.earliest("pk")
        delivery = DeliveryFactory.create(instance=first)

        waiting = move(study, Tier.COLD)

        assert (waiting.state, set(files())) == (MoveState.SWITCHED, {first.pk})
        assert "deliveries" in waiting.last_error
        type(delivery).objects.update(state="delivered")
        go_on()
        assert files() == {}

    def test_a_delivery_of_what_is_away_has_it_brought_back(self, study: Study, cold: Location) -> None:
        before = files()
        move(study, Tier.COLD)
        delivery = DeliveryFactory.create(instance=Instance.objects.earliest("pk"))

        with outgoing([delivery]) as first:
            assert not first.ready
            assert "brought back" in first.failed[0].error
            assert not first.failed[0].is_permanent
        go_on()

        with outgoing([delivery]) as second:
            assert list(second.ready.values()) == [delivery]
        assert files() == before

    def test_what_no_rule_has_seen_stays(self, study: Study, cold: Location) -> None:
        Instance.objects.update(planned_at=None)
        move(study, Tier.COLD)
        assert len(files()) == 6

    def test_a_damaged_source_is_not_put_away(self, study: Study, cold: Location) -> None:
        flip(path_of(Instance.objects.earliest("pk")))
        failed = move(study, Tier.COLD)
        assert failed.state == MoveState.FAILED
        assert "is not what was acknowledged" in failed.last_error
        assert (len(files()), study.tier) == (6, Tier.HOT)

    def test_a_file_with_damaged_first_bytes_is_not_put_away_or_served(self, study: Study, cold: Location) -> None:
        victim = Instance.objects.earliest("pk")
        content = bytearray(path_of(victim).read_bytes())
        content[5] ^= 1
        path_of(victim).write_bytes(content)
        failed = move(study, Tier.COLD)
        assert failed.state == MoveState.FAILED
        assert "is not what was acknowledged" in failed.last_error
        assert (len(files()), study.tier) == (6, Tier.HOT)
        with pytest.raises(InstanceDamaged):
            ensure_intact(victim)

    def test_what_comes_in_meanwhile_stays_hot(self, study: Study, cold: Location) -> None:
        with before_step(carry_out, "_switch", lambda: keep_study(series=3, instances=3)):
            move(study, Tier.COLD)
        late = Instance.objects.filter(tier=Tier.HOT)
        assert late.count() == 3
        assert set(files()) == set(late.values_list("pk", flat=True))
        assert study.tier == Tier.COLD

    def test_a_location_that_is_not_there(self, study: Study, cold: Location) -> None:
        Path(cold.path).rmdir()
        waiting = move(study, Tier.COLD)
        assert waiting.state == MoveState.COPYING
        assert "is its disk mounted?" in waiting.last_error
        assert len(files()) == 6

    def test_damaged_on_the_way(self, study: Study, cold: Location) -> None:
        with before_step(packs, "_compare", lambda: flip(objects_of(cold)[0])):
            asked = ask_for_move(study, Tier.COLD, by="test")
            work(seconds=20)
        asked.refresh_from_db()
        assert asked.state == MoveState.COPYING
        assert ("is not what was written" if cold.compression or cold.is_encrypted else "differs") in asked.last_error
        assert len(files()) == 6

        go_on()
        assert (files(), len(objects_of(cold))) == ({}, 2)  # written again, and the bad one is gone


class TestKilledBetweenSteps:
    """Whatever a worker was at when it ended: a copy of every instance is right, and the next one completes it."""

    @pytest.mark.parametrize("call", [1, 2, 3])
    @pytest.mark.parametrize("step", STEPS, ids=[name for _, name in STEPS])
    def test_going_there(self, study: Study, cold: Location, step: Step, call: int) -> None:
        before = files()
        with killed_at(*step, call), suppress(Killed):  # some steps are taken less often
            move(study, Tier.COLD)
        assert_all_there(before)
        move(study, Tier.COLD)
        assert files() == {}
        move(study, Tier.HOT)
        assert files() == before

    @pytest.mark.parametrize("call", [1, 3])
    def test_coming_back(self, study: Study, cold: Location, call: int) -> None:
        before = files()
        move(study, Tier.COLD)
        with killed_at(bring_back, "write_file", call), pytest.raises(Killed):
            move(study, Tier.HOT)
        assert_all_there(before)
        move(study, Tier.HOT)
        assert files() == before


class TestAsking:
    def test_no_such_tier(self, study: Study) -> None:
        with pytest.raises(MoveRefused, match="no tier 'lukewarm'"):
            ask_for_move(study, "lukewarm", by="test")

    def test_a_tier_without_location(self, study: Study) -> None:
        with pytest.raises(MoveRefused, match="add one under Tiers"):
            ask_for_move(study, Tier.COLD, by="test")

    def test_twice_is_once(self, study: Study, cold: Location) -> None:
        assert ask_for_move(study, Tier.COLD, by="a") == ask_for_move(study, Tier.COLD, by="b")

    def test_elsewhere_meanwhile(self, study: Study, cold: Location, archive: Location) -> None:
        ask_for_move(study, Tier.COLD, by="a")
        with pytest.raises(MoveRefused, match="being moved to another tier"):
            ask_for_move(study, Tier.ARCHIVE, by="b")

    def test_cancelled_in_time(self, study: Study, cold: Location) -> None:
        asked = ask_for_move(study, Tier.COLD, by="a")
        assert cancel(asked)
        go_on()
        assert len(files()) == 6


class Killed(BaseException):
    """Not an error that anybody handles."""


@contextmanager
def killed_at(module: ModuleType, name: str, call: int) -> Iterator[None]:
    calls = 0
    original = getattr(module, name)

    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Killed
        return original(*args, **kwargs)

    with patch.object(module, name, step):
        yield


@contextmanager
def before_step(module: ModuleType, name: str, happens: Callable[[], object]) -> Iterator[None]:
    original = getattr(module, name)
    has_happened = False

    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal has_happened
        if not has_happened:
            has_happened = True
            happens()
        return original(*args, **kwargs)

    with patch.object(module, name, step):
        yield


def flip(path: Path) -> None:
    """One bit of the last data set."""
    if path.name.endswith(IN_CHUNKS):
        flip_copy(Copy.objects.filter(pack__key__endswith=path.name).latest("offset"))
        return
    content = bytearray(path.read_bytes())
    place = len(content) - 1
    if path.suffix == ".tar":
        place -= len(END)
        while not content[place]:
            place -= 1
    content[place] ^= 1
    path.write_bytes(content)


def assert_all_there(before: dict[int, bytes]) -> None:
    """Each instance has its hot file, or a copy of the same bytes in a pack that is verified."""
    hot = files()
    for pk, content in before.items():
        if hot.get(pk) == content:
            continue
        copy = Copy.objects.filter(instance=pk, pack__state=PackState.VERIFIED).first()
        assert copy is not None
        assert b"".join(read_copy(copy, len(content))) == content
