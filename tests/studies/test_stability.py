"""When series and studies are complete, and how a sender's quiet time is learnt."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from gateway.env import Environment
from studies.models import Instance, Series, SourcePace, Study
from studies.pace.learn import CEILING_SECONDS, ENOUGH_STUDIES, STUDIES_KEPT, learn, quiet_time
from studies.spool import Spool
from studies.stability import complete_quiet
from studies.ulid import first_ulid_at
from tests.factories import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
DEFAULT = 60


def seconds(pace: SourcePace, default: int = DEFAULT) -> float:
    return quiet_time(pace, default).total_seconds()


def quiet_for(quiet_seconds: float, **columns: Any) -> Study:
    """A study of one series to which nothing came for so long."""
    latest = timezone.now() - timedelta(seconds=quiet_seconds)
    series = SeriesFactory.create(
        study__last_received_at=latest, last_received_at=latest, **{f"study__{name}": columns[name] for name in columns}
    )
    study: Study = series.study
    return study


def study_with_gaps(*gaps: float, sender: str = "CT_ROOM1") -> Study:
    series = SeriesFactory.create(study__calling_ae_title=sender)
    at = timezone.now() - timedelta(hours=5)
    InstanceFactory.create(series=series, received_at=at)
    for gap in gaps:
        at += timedelta(seconds=gap)
        InstanceFactory.create(series=series, received_at=at)
    study: Study = series.study
    return study


def is_complete(whole: Study | Series) -> bool:
    whole.refresh_from_db()
    return whole.completed_at is not None


def test_after_the_quiet_time_series_and_study_are_complete() -> None:
    quiet, other = quiet_for(61), quiet_for(59)
    assert complete_quiet(DEFAULT) == 2
    assert is_complete(quiet)
    assert is_complete(quiet.series.get())
    assert not is_complete(other)
    assert not is_complete(other.series.get())
    assert complete_quiet(DEFAULT) == 0


def test_a_series_is_complete_before_its_study() -> None:
    study = quiet_for(5)
    early = SeriesFactory.create(study=study, last_received_at=timezone.now() - timedelta(seconds=90))
    assert complete_quiet(DEFAULT) == 1
    assert is_complete(early)
    assert not is_complete(study)


def test_each_sender_has_its_own_quiet_time() -> None:
    SourcePace.objects.create(calling_ae_title="SLOW", longest_gaps=[100.0] * ENOUGH_STUDIES)
    SourcePace.objects.create(calling_ae_title="QUICK", longest_gaps=[0.4] * ENOUGH_STUDIES)
    slow, quick, unknown = (quiet_for(61, calling_ae_title=title) for title in ("SLOW", "QUICK", "NEW"))
    quick_still = quiet_for(9, calling_ae_title="QUICK")
    just_quick = quiet_for(11, calling_ae_title="QUICK")
    complete_quiet(DEFAULT)
    assert [is_complete(study) for study in (slow, quick, unknown, quick_still, just_quick)] == [
        False, True, True, False, True,
    ]  # fmt: skip
    Study.objects.filter(pk=slow.pk).update(last_received_at=timezone.now() - timedelta(seconds=201))
    complete_quiet(DEFAULT)
    assert is_complete(slow)


def test_while_the_index_is_behind_nothing_is_quiet() -> None:
    study = quiet_for(300)
    assert complete_quiet(DEFAULT, seen_until=study.last_received_at + timedelta(seconds=59)) == 0
    assert complete_quiet(DEFAULT, seen_until=study.last_received_at + timedelta(seconds=61)) == 2
    assert is_complete(study)


def test_the_oldest_file_in_the_spool_says_how_far_the_index_is(home: Environment, spool: Spool) -> None:
    assert spool.oldest_waiting_at() is None
    now = datetime.now(UTC)
    for minutes in (2, 3, 90):  # what could not be taken for more than an hour holds nothing up
        (spool.new / "0" / f"{first_ulid_at(now - timedelta(minutes=minutes))}.dcm").touch()
    (spool.new / "1" / "README.txt").touch()
    oldest = spool.oldest_waiting_at()
    assert oldest is not None
    assert abs(oldest - (now - timedelta(minutes=3))) < timedelta(milliseconds=2)


def test_until_enough_is_known_the_setting_counts() -> None:
    few = [0.5] * (ENOUGH_STUDIES - 1)
    assert seconds(SourcePace(longest_gaps=few)) == DEFAULT
    assert seconds(SourcePace(longest_gaps=[*few, 0.5])) == 10
    assert seconds(SourcePace(longest_gaps=[*few, 0.5]), default=3) == 3


@pytest.mark.parametrize(
    ("floor", "ceiling", "gap", "expected"),
    [
        (None, None, 20.0, 40),
        (None, None, 0.1, 10),
        (None, None, 800.0, CEILING_SECONDS),
        (30, None, 0.1, 30),
        (None, 100, 80.0, 100),
        (30, 100, 20.0, 40),
        (2000, None, 1.0, 2000),
    ],
)
def test_floor_and_ceiling(floor: int | None, ceiling: int | None, gap: float, expected: float) -> None:
    pace = SourcePace(longest_gaps=[gap] * 50, floor_seconds=floor, ceiling_seconds=ceiling)
    assert seconds(pace) == expected


def test_floor_and_ceiling_hold_before_anything_is_known() -> None:
    assert seconds(SourcePace(floor_seconds=90)) == 90
    assert seconds(SourcePace(ceiling_seconds=20)) == 20


def test_a_floor_over_the_ceiling_is_refused() -> None:
    with pytest.raises(IntegrityError):
        SourcePace.objects.create(calling_ae_title="CT", floor_seconds=20, ceiling_seconds=10)


def test_one_odd_study_among_many_does_not_count() -> None:
    assert seconds(SourcePace(longest_gaps=[7.0] * 99 + [300.0])) == 14
    assert seconds(SourcePace(longest_gaps=[7.0] * 90 + [300.0] * 10)) == 600


def test_the_longest_pause_of_each_study_is_learnt() -> None:
    studies = [study_with_gaps(1, 7.5, 2), study_with_gaps(3), study_with_gaps()]
    learn("CT_ROOM1", [study.pk for study in studies], DEFAULT)
    assert SourcePace.objects.get().longest_gaps == [7.5, 3.0]


def test_who_came_back_hours_later_made_no_pause() -> None:
    learn("CT_ROOM1", [study_with_gaps(1, CEILING_SECONDS + 1, 4).pk], DEFAULT)
    assert SourcePace.objects.get().longest_gaps == [4.0]


def test_the_latest_studies_are_kept() -> None:
    SourcePace.objects.create(calling_ae_title="CT_ROOM1", longest_gaps=[9.0] * STUDIES_KEPT)
    learn("CT_ROOM1", [study_with_gaps(2).pk], DEFAULT)
    assert SourcePace.objects.get().longest_gaps == [9.0] * (STUDIES_KEPT - 1) + [2.0]


def test_completed_studies_teach_their_senders_pace() -> None:
    study_with_gaps(2, sender="CT")
    study_with_gaps(8, sender="US")
    Study.objects.update(last_received_at=timezone.now() - timedelta(minutes=5))
    complete_quiet(DEFAULT)
    assert dict(SourcePace.objects.values_list("calling_ae_title", "longest_gaps")) == {"CT": [2.0], "US": [8.0]}


def test_what_was_complete_before_the_update_stays_so_and_is_not_decided_on_now() -> None:
    old, new = quiet_for(300, completed_at=timezone.now()), quiet_for(20)
    Series.objects.update(last_received_at=timezone.now())
    migration = import_module("studies.migrations.0005_completeness_and_labels")
    migration.take_over_from_studies(apps, None)
    for study in (old, new):
        study.refresh_from_db()
        series = study.series.get()
        assert study.decided_at == study.completed_at == series.completed_at == series.decided_at
        assert series.last_received_at == study.last_received_at
    assert old.decided_at is not None
    assert new.decided_at is None


def test_an_idle_sweep_asks_little(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    StudyFactory.create_batch(5)
    with django_assert_max_num_queries(3):
        complete_quiet(DEFAULT)
    assert Instance.objects.count() == 0
