"""Everything stored is read again: damage is found, never served, and repaired from whatever is right."""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from django.db.models import Q
from django.utils import timezone
from pytest_django import Settings

from dicomnet.web.secrets import seal
from gateway.env import Environment
from studies.deletions.request import delete
from studies.errors import InstanceDamaged, StudiesError
from studies.integrity import ensure_intact, path_of
from studies.models import Instance, Study, Tier
from tests.retrieving import keep_study
from tests.s3_server import s3_server
from tests.tiering.conftest import Way, every_way, folder_location, objects_of, tar_of
from tests.tiering.damaging import a_month_passes, flip_bit, flip_copy, object_of, place_of
from tests.tiering.test_moves import Killed, assert_all_there, files, killed_at, move
from tiering import hot_file, packs, repair, tasks
from tiering.errors import StoreError
from tiering.models import Copy, Damage, Location, LocationKind, Pack, PackState, ScrubRange
from tiering.orphans import sweep_packs
from tiering.repair import repair_file
from tiering.scrub import scrub

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(tmp_path: Path, settings: Settings, way: Way) -> Location:
    """Another folder of the cold tier; both are to have copies."""
    settings.GANTRY = replace(settings.GANTRY, tier_copies=2)
    return folder_location(tmp_path, "second", Tier.COLD, **way)


def scrub_all() -> None:
    a_month_passes()
    while scrub(seconds=20):
        pass


def open_damage() -> list[Damage]:
    return list(Damage.objects.filter(repaired_at=None).order_by("pk"))


class TestNothingDamaged:
    def test_every_file_and_pack_is_read_and_not_again_within_the_period(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        began = timezone.now()

        scrub_all()

        assert {each.verified_at >= began for each in Pack.objects.all() if each.verified_at} == {True}
        progress = ScrubRange.objects.get()
        assert progress.next_pk is None
        assert progress.verified_at is not None
        assert progress.verified_at >= began
        assert not Damage.objects.exists()
        assert not scrub(seconds=20)
        assert ScrubRange.objects.get().verified_at == progress.verified_at

    def test_a_turn_goes_on_where_the_one_before_ended(self, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tiering.scrub.BATCH", 2)
        monkeypatch.setattr("tiering.scrub.RANGE_KEYS", 4)
        read: list[int] = []
        monkeypatch.setattr("tiering.scrub.prove", lambda instance, _: read.append(instance.pk))
        a_month_passes()
        while scrub(seconds=0.01):
            pass
        assert sorted(set(read)) == sorted(Instance.objects.values_list("pk", flat=True))
        assert len(read) == 6

    def test_no_faster_than_is_set(self, study: Study, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        waited: list[float] = []
        monkeypatch.setattr("tiering.pace.time.sleep", waited.append)
        monkeypatch.setattr("tiering.scrub.scrub_bytes_per_second", lambda: 1000)
        scrub_all()
        read = sum(each.size_bytes - each.data_set_offset for each in Instance.objects.all())
        assert max(waited) == pytest.approx(read / 1000, rel=0.3)

    def test_off(self, study: Study, settings: Settings) -> None:
        settings.GANTRY = replace(settings.GANTRY, scrub_days=0)
        scrub_all()
        assert not ScrubRange.objects.exists()

    def test_no_two_at_once(self, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[bool] = []
        monkeypatch.setattr("tiering.scrub.prove", lambda *_: seen.append(scrub(seconds=20)))
        scrub_all()
        assert seen == [False] * 6

    def test_a_disk_that_is_not_mounted_is_no_damage(
        self, study: Study, home: Environment, caplog: pytest.LogCaptureFixture
    ) -> None:
        home.storage.rename(home.storage.with_name("elsewhere"))
        home.storage.mkdir()
        with pytest.raises(StoreError, match="is its disk mounted"):
            scrub(seconds=20)
        tasks.scrub()
        assert "nothing is read again" in caplog.text
        assert not Damage.objects.exists()


class TestHotFiles:
    def test_without_a_copy_it_is_on_record_once_and_not_served(self, study: Study) -> None:
        victim = Instance.objects.all()[2]
        flip_bit(path_of(victim), victim.size_bytes - 2)

        scrub_all()
        scrub_all()

        damage = Damage.objects.get()
        assert (damage.instance, damage.where, damage.repaired_at) == (victim, "hot store", None)
        assert "SHA-256" in damage.what
        assert damage.note == "There is no copy."
        victim.refresh_from_db()  # nobody believes any more that it was indexed just now
        with pytest.raises(InstanceDamaged):
            ensure_intact(victim)

    @pytest.mark.parametrize("lost", ["a bit", "its end", "all of it", "its prefix", "its first bytes"])
    def test_with_a_copy_it_is_repaired(self, study: Study, cold: Location, lost: str) -> None:
        before = files()
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        victim = Instance.objects.all()[2]
        path = path_of(victim)
        if lost == "a bit":
            flip_bit(path, victim.size_bytes - 2)
        elif lost == "its end":
            os.truncate(path, victim.size_bytes - 1)
        elif lost == "its prefix":
            flip_bit(path, 130)
        elif lost == "its first bytes":
            flip_bit(path, 5)  # of the preamble, which no reader looks at
        else:
            path.unlink()

        scrub_all()

        damage = Damage.objects.get()
        assert damage.repaired_at
        assert damage.note == "From the copy in cold."
        assert files() == before

    def test_from_the_second_copy_when_the_first_is_damaged_too(
        self, study: Study, cold: Location, second: Location
    ) -> None:
        before = files()
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        victim = Instance.objects.all()[2]
        flip_bit(path_of(victim), victim.size_bytes - 2)
        flip_copy(Copy.objects.get(instance=victim, pack__location=cold))

        scrub_all()

        assert open_damage() == []
        assert Damage.objects.count() == 2
        assert files() == before

    def test_put_back_by_somebody(self, study: Study) -> None:
        victim = Instance.objects.all()[2]
        flip_bit(path_of(victim), victim.size_bytes - 2)
        scrub_all()
        flip_bit(path_of(victim), victim.size_bytes - 2)
        scrub_all()
        assert open_damage() == []
        assert ensure_intact(victim)

    def test_what_was_deleted_meanwhile_is_no_damage(
        self, study: Study, cold: Location, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        victim = Instance.objects.all()[2]
        path_of(victim).unlink()
        monkeypatch.setattr("tiering.scrub.repair_file", _after_deletion_of(study))
        scrub_all()
        assert not Damage.objects.exists()


def _after_deletion_of(study: Study) -> Callable[..., bool]:
    def repair_deleted(*args: Any) -> bool:
        delete(study.study_instance_uid, by="somebody")
        return repair_file(*args)

    return repair_deleted


@every_way
class TestPacks:
    def test_written_anew_from_the_hot_file(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        damaged = Pack.objects.earliest("pk")
        flip_copy(damaged.copies.earliest("offset"))

        scrub_all()

        assert open_damage() == []
        assert not Pack.objects.filter(pk=damaged.pk).exists()
        assert len(objects_of(cold)) == 2
        assert set(Pack.objects.values_list("state", flat=True)) == {PackState.VERIFIED}
        assert Copy.objects.count() == 6

    @pytest.mark.parametrize("lost", ["a bit", "its end", "all of it", "a header"])
    def test_written_anew_from_another_location(
        self, study: Study, cold: Location, second: Location, lost: str
    ) -> None:
        before = files()
        move(study, Tier.COLD)
        damaged = Pack.objects.filter(location=second).earliest("pk")
        copy = damaged.copies.earliest("offset")
        if lost == "a bit":
            flip_copy(copy)
        elif lost == "its end":
            os.truncate(object_of(damaged), place_of(damaged, copy.offset + 600))
        elif lost == "a header":
            flip_bit(object_of(damaged), place_of(damaged, copy.offset - 500))
        else:
            object_of(damaged).unlink()

        scrub_all()

        assert open_damage() == []
        assert len(objects_of(cold)) == len(objects_of(second)) == 2
        move(study, Tier.HOT)
        assert files() == before

    def test_alone_it_keeps_what_is_left_of_one_and_gives_the_others_a_new_pack(
        self, study: Study, cold: Location
    ) -> None:
        before = files()
        move(study, Tier.COLD)
        damaged = Pack.objects.earliest("pk")
        bad, *good = damaged.copies.order_by("offset")
        flip_copy(bad)

        scrub_all()

        damaged.refresh_from_db()
        assert damaged.state == PackState.DAMAGED
        assert list(damaged.copies.all()) == [bad]
        assert object_of(damaged).exists()
        assert {(each.pack, each.instance) for each in open_damage()} == {(damaged, None), (damaged, bad.instance)}
        for copy in good:
            assert Copy.objects.get(instance=copy.instance).pack.state == PackState.VERIFIED
        packed = b"".join(tar_of(pack) for pack in Pack.objects.filter(state=PackState.VERIFIED))
        assert all(before[copy.instance_id] in packed for copy in good)

    def test_found_by_a_recall(self, study: Study, cold: Location, second: Location) -> None:
        before = files()
        move(study, Tier.COLD)
        damaged = Pack.objects.filter(location=second).earliest("pk")  # the later one is read first
        flip_copy(damaged.copies.earliest("offset"))
        move(study, Tier.HOT)
        assert files() == before
        damaged.refresh_from_db()
        assert damaged.state == PackState.DAMAGED

        while scrub(seconds=20):
            pass

        assert open_damage() == []
        assert len(objects_of(second)) == 2

    def test_a_location_that_is_away_is_no_damage(self, study: Study, cold: Location, second: Location) -> None:
        move(study, Tier.COLD)
        Path(second.path).rename(Path(second.path).with_name("away"))
        scrub_all()
        assert not Damage.objects.exists()
        assert set(Pack.objects.values_list("state", flat=True)) == {PackState.VERIFIED}


@pytest.fixture
def in_bucket(second: Location) -> Iterator[None]:
    """The second location is a bucket."""
    with s3_server() as url:
        client = boto3.client("s3", endpoint_url=url, aws_access_key_id="k", aws_secret_access_key="s")
        client.create_bucket(Bucket="images")
        place = url.replace("localhost", "127.0.0.1")
        Location.objects.filter(pk=second.pk).update(
            kind=LocationKind.S3, path="", bucket="images", endpoint_url=url, access_key="k",
            secret_key=seal("s", place=place),
        )  # fmt: skip
        second.refresh_from_db()
        yield


@pytest.mark.faults
@pytest.mark.usefixtures("in_bucket")
def test_fifty_flipped_bits_are_found_in_a_bucket_too(cold: Location, second: Location) -> None:
    flip_fifty(cold, second)


def test_fifty_flipped_bits_are_found_and_none_is_served(cold: Location, second: Location) -> None:
    flip_fifty(cold, second)


def flip_fifty(cold: Location, second: Location) -> None:
    """Twenty in hot files, thirty in packs; a fifth of them before the data set."""
    keep_study("1.1", series=20, instances=2, pixels=600)
    keep_study("1.2", series=15, instances=2, pixels=600)
    Instance.objects.update(planned_at=timezone.now())
    Study.objects.update(completed_at=timezone.now())
    before = files()
    hot, away = Study.objects.get(study_instance_uid="1.1"), Study.objects.get(study_instance_uid="1.2")
    move(hot, Tier.COLD)
    move(hot, Tier.HOT)
    move(away, Tier.COLD)
    chance = random.Random(20)
    hot_files = chance.sample(list(Instance.objects.filter(tier=Tier.HOT)), 20)
    for victim in hot_files[:5]:
        flip_bit(path_of(victim), chance.randrange(victim.data_set_offset))
    for victim in hot_files[5:]:
        flip_bit(path_of(victim), chance.randrange(victim.data_set_offset, victim.size_bytes))
    # Of fifteen series of the study that is away, ten lose a bit in either location: in five of them it is the same
    # instance that is right nowhere then. Ten packs of the other study have its files beside them.
    series = chance.sample(list(away.series.all()), 15)
    for location, of_series in ((cold, series[:10]), (second, series[5:])):
        for pack in Pack.objects.filter(location=location, copies__instance__series__in=of_series).distinct():
            flip_copy(pack.copies.earliest("offset"))
    for number, pack in enumerate(Pack.objects.filter(study=hot, location=cold).order_by("pk")[:10]):
        flip_copy(pack.copies.latest("offset"), in_head=number % 2 == 0)

    scrub_all()

    of_objects = Damage.objects.filter(Q(pack=None, instance__isnull=False) | Q(instance=None))
    assert Counter(of_objects.values_list("where", flat=True)) == {"hot store": 20, "cold": 20, "second": 10}
    lost = {each.instance_id for each in open_damage() if each.instance_id}
    assert lost == {each.instances.earliest("pk").pk for each in series[5:10]}
    move(away, Tier.HOT)  # brings nothing back that is not what was acknowledged
    for pk, content in files().items():
        assert content == before[pk]
    served = {each.pk for each in Instance.objects.all() if is_served(each)}
    assert served == set(before) - lost


def is_served(instance: Instance) -> bool:
    try:
        ensure_intact(instance)
    except StudiesError:
        return False
    return True


class TestKilledBetweenSteps:
    """Whatever a worker was at when it ended: a copy of every instance is right, and the next one completes it."""

    STEPS = (
        (repair, "right_source"),
        (repair, "write_pack"),
        (packs, "open_store"),
        (repair, "verify_pack"),
        (repair, "repaired"),
        (repair, "_remove"),
        (repair, "remove_pack"),
        (repair, "write_file"),
        (hot_file, "is_intact_in_hot_store"),
    )

    @pytest.mark.parametrize("call", [1, 2])
    @pytest.mark.parametrize("step", STEPS, ids=[name for _, name in STEPS])
    def test_repairing_a_pack_and_a_file(
        self, study: Study, cold: Location, second: Location, step: tuple[ModuleType, str], call: int
    ) -> None:
        before = files()
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        flip_copy(Copy.objects.filter(pack__location=cold).earliest("pk"))
        victim = Instance.objects.all()[4]
        flip_bit(path_of(victim), victim.size_bytes - 2)

        a_month_passes()
        with killed_at(*step, call), suppress(Killed):  # some steps are taken less often
            scrub(seconds=20)
        assert_all_there(before)
        scrub_all()
        Pack.objects.filter(state=PackState.WRITING).update(created_at="2026-01-01T00:00:00Z")
        sweep_packs()

        assert open_damage() == []
        assert files() == before
        assert set(Pack.objects.values_list("state", flat=True)) == {PackState.VERIFIED}
        assert (len(objects_of(cold)), len(objects_of(second)), Copy.objects.count()) == (2, 2, 12)
        assert not list(home_parts(victim))


def home_parts(instance: Instance) -> Iterator[Path]:
    return path_of(instance).parent.glob("*.part")


class TestSweep:
    def test_abandoned(self, study: Study, cold: Location) -> None:
        pack = Pack.objects.create(location=cold, study=study, key="1.1/1.1.1/x.tar")
        (Path(cold.path) / "1.1" / "1.1.1").mkdir(parents=True)
        object_of(pack).write_bytes(b"half")
        assert sweep_packs() == 0
        Pack.objects.update(created_at="2026-01-01T00:00:00Z")
        assert sweep_packs() == 1
        assert objects_of(cold) == []
        assert not Pack.objects.exists()

    def test_being_removed(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        Pack.objects.update(state=PackState.REMOVING)
        tasks.sweep_packs()
        assert objects_of(cold) == []

    @pytest.mark.parametrize("what", [("1.1",), ("1.1", "1.1.1"), ("1.1", "1.1.1", "1.1.1.1")])
    def test_deleted_by_somebody(self, study: Study, cold: Location, what: tuple[str, ...]) -> None:
        move(study, Tier.COLD)
        delete(*what, by="somebody")
        sweep_packs()
        assert len(objects_of(cold)) == {1: 0, 2: 1, 3: 2}[len(what)]

    def test_rows_that_are_gone_without_a_record_are_no_reason(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        Study.objects.all().delete()
        sweep_packs()
        assert len(objects_of(cold)) == 2

    def test_a_location_that_is_away(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        Pack.objects.update(state=PackState.REMOVING)
        Path(cold.path).rename(Path(cold.path).with_name("away"))
        assert sweep_packs() == 0
        assert Pack.objects.count() == 2
