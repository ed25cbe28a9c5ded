"""What was brought back to be read leaves the hot disk by itself, and nothing else does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from studies.disk import DiskUse
from studies.models import Series, Study, StudyLabel, Tier
from studies.wanted import want
from tests.factories import DeliveryFactory, MoveFactory, StudyFactory
from tests.tiering.test_moves import files, go_on, move
from tiering import pressure
from tiering.let_go import let_go
from tiering.models import Location, Move, MoveState, Pack, Reason, TierChange
from tiering.tasks import let_go as task

pytestmark = pytest.mark.django_db
NOW = timezone.now()
Full = Callable[[int], None]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Full:
    """The hot disk has so many percent of 1 MB in use."""

    def fill(percent: int) -> None:
        disk = DiskUse(percent, 1_000_000, 10_000 * (100 - percent), 0, 0)
        monkeypatch.setattr(pressure, "disk_use", lambda _: disk)

    fill(10)
    return fill


@pytest.fixture
def read(study: Study, cold: Location, full: Full) -> Study:
    """A study that was put away, then read."""
    move(study, Tier.COLD)
    want(Series.objects.earliest("pk").pk, by="WADO-RS")
    go_on()
    study.refresh_from_db()
    assert study.tier == Tier.HOT
    return study


def in_days(days: float) -> datetime:
    return timezone.now() + timedelta(days=days)


class TestUnread:
    def test_it_goes_back_to_where_it_was(self, read: Study) -> None:
        packs = list(Pack.objects.values_list("pk", flat=True))
        assert let_go(in_days(6.9)) == 0
        assert let_go(in_days(7.1)) == 1
        back = Move.objects.get(state=MoveState.WAITING)
        assert (back.to_tier, back.requested_by, back.reason) == (Tier.COLD, "cache", Reason.CACHE)
        go_on()
        read.refresh_from_db()
        assert (read.tier, files()) == (Tier.COLD, {})
        assert list(Pack.objects.values_list("pk", flat=True)) == packs  # nothing was written again
        assert let_go(in_days(30)) == 0

    def test_the_next_read_begins_it_anew(self, read: Study) -> None:
        Study.objects.update(used_at=in_days(5))
        assert let_go(in_days(11)) == 0
        assert let_go(in_days(12.5)) == 1

    def test_what_comes_in_keeps_it(self, read: Study) -> None:
        Study.objects.update(last_received_at=in_days(5))
        assert let_go(in_days(11)) == 0

    def test_it_comes_again_and_goes_again(self, read: Study) -> None:
        let_go(in_days(8))
        go_on()
        want(Series.objects.earliest("pk").pk, by="WADO-RS")
        go_on()
        assert Study.objects.get().tier == Tier.HOT
        assert let_go(in_days(8)) == 1

    def test_the_task_asks_and_rings(self, read: Study, home: object) -> None:
        Move.objects.filter(to_tier=Tier.HOT).update(finished_at=in_days(-8))
        Study.objects.update(last_received_at=in_days(-9))
        task()
        assert Move.objects.get(reason=Reason.CACHE).state == MoveState.WAITING


class TestStays:
    def test_what_somebody_brought_back(self, study: Study, cold: Location, full: Full) -> None:
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        full(99)
        assert let_go(in_days(99)) == 0

    def test_what_somebody_asked_for_while_it_came_back(self, study: Study, cold: Location, full: Full) -> None:
        move(study, Tier.COLD)
        want(Series.objects.earliest("pk").pk, by="WADO-RS")
        move(study, Tier.HOT)
        assert Move.objects.filter(to_tier=Tier.HOT).count() == 1
        assert let_go(in_days(99)) == 0

    def test_what_somebody_wants_to_keep_that_is_there(self, read: Study) -> None:
        move(read, Tier.HOT)
        assert let_go(in_days(99)) == 0

    def test_what_has_a_legal_hold(self, read: Study) -> None:
        StudyLabel.objects.create(study=read, label="legal hold", given_by="a rule")
        assert let_go(in_days(99)) == 0

    def test_files_that_a_delivery_needs(self, read: Study) -> None:
        instance = Series.objects.earliest("pk").instances.earliest("pk")
        delivery = DeliveryFactory.create(instance=instance)
        assert let_go(in_days(8)) == 1
        go_on()
        assert list(files()) == [instance.pk]
        delivery.delete()
        go_on()
        assert files() == {}

    def test_everything_where_nothing_is_set(self, read: Study, settings: Settings, full: Full) -> None:
        settings.GANTRY = replace(settings.GANTRY, recall_keep_days=0)
        full(99)
        assert let_go(in_days(999)) == 0

    def test_everything_while_its_tier_has_no_location(self, read: Study, caplog: pytest.LogCaptureFixture) -> None:
        Location.objects.update(is_enabled=False)
        assert let_go(in_days(8)) == 0
        assert "recalled studies stay" in caplog.text
        assert not Move.objects.filter(reason=Reason.CACHE).exists()


class TestCrowded:
    """The disk has 1 MB, and is crowded from 85 % on; 80 % are left."""

    @pytest.fixture
    def cached(self, cold: Location, full: Full, settings: Settings) -> list[Study]:
        """Of 20 kB each; the last was read longest ago."""
        settings.GANTRY = replace(settings.GANTRY, spool_high_percent=92)
        studies = StudyFactory.create_batch(4, size_bytes=20_000, tier=Tier.HOT, completed_at=NOW - timedelta(days=90))
        for number, study in enumerate(studies):
            used = NOW - timedelta(days=2, hours=number)
            Study.objects.filter(pk=study.pk).update(
                used_at=used, last_received_at=NOW - timedelta(days=90), received_at=NOW - timedelta(days=90)
            )
            TierChange.objects.create(study=study, from_tier=Tier.COLD, to_tier=Tier.HOT, requested_by="x")
            MoveFactory.create(
                study=study, to_tier=Tier.HOT, state=MoveState.DONE, reason=Reason.READING,
                finished_at=NOW - timedelta(days=3),
            )  # fmt: skip
        return studies

    def test_as_many_go_as_have_to_the_longest_unused_first(self, cached: list[Study], full: Full) -> None:
        assert let_go(NOW) == 0
        full(83)
        assert let_go(NOW) == 0
        full(85)
        assert let_go(NOW) == 3  # 50 kB
        gone = list(Move.objects.filter(reason=Reason.CACHE).order_by("pk").values_list("study_id", flat=True))
        assert gone == [cached[3].pk, cached[2].pk, cached[1].pk]
        assert let_go(NOW) == 0  # these are on their way

    def test_what_is_being_read_stays(self, cached: list[Study], full: Full) -> None:
        full(99)
        Study.objects.update(used_at=NOW - timedelta(hours=1))
        assert let_go(NOW) == 0

    def test_what_came_back_today_stays(self, cached: list[Study], full: Full) -> None:
        full(99)
        Move.objects.update(finished_at=NOW - timedelta(hours=20))
        assert let_go(NOW) == 0
