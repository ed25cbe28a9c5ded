"""Policies: which studies each of them means, what a simulation says of it, and what is then asked for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pydicom.dataset import Dataset
from pytest_django import Settings

from studies.disk import DiskUse
from studies.models import Instance, Study, StudyLabel, Tier
from tests.corpus import CT
from tests.factories import InstanceFactory, StudyFactory
from tests.retrieving import index, keep
from tests.tiering.conftest import folder_location
from tiering import policies, tasks
from tiering.ask import ask_for_move, cancel
from tiering.carry_out import work
from tiering.conditions import BadConditions
from tiering.errors import MoveRefused
from tiering.events import moves_due
from tiering.models import Location, Move, MoveState, Policy
from tiering.policies import apply, apply_all, late_arrivals, simulate, studies_for
from tiering.simulation import SHOWN

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MB, GB = 10**6, 10**9


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def a_study(**values: Any) -> Study:
    """A complete study that came in a hundred days ago."""
    labels = values.pop("labels", ())
    received = values.pop("last_received_at", ago(100))
    given = {"received_at": received, "last_received_at": received, "completed_at": received} | values
    made: Study = StudyFactory.create(**given)
    for label in labels:
        StudyLabel.objects.create(study=made, label=label, given_by="rule")
    return made


def a_policy(conditions: dict[str, Any] | None = None, **values: Any) -> Policy:
    return Policy.objects.create(**{"name": "old", "conditions": conditions or {}, "is_enabled": True} | values)


def chosen(policy: Policy) -> list[int]:
    return list(studies_for(policy, NOW).values_list("pk", flat=True))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set how full the hot disk is: 1,000 MB and 1,000 inodes in all."""

    def use(*, megabytes: int = 0, files: int = 0) -> None:
        found = DiskUse(max(megabytes, files) / 10, 1000 * MB, (1000 - megabytes) * MB, 1000, 1000 - files)
        monkeypatch.setattr("tiering.pressure.disk_use", lambda _: found)

    return use


@pytest.mark.parametrize(
    ("conditions", "meant", "not_meant"),
    [
        ({}, {}, {"completed_at": None}),
        ({}, {}, {"tier": Tier.COLD}),
        ({"older_than_days": 30}, {"last_received_at": ago(30)}, {"last_received_at": ago(29.9)}),
        ({"study_older_than_days": 30}, {"study_date": "20261026"}, {"study_date": "20261027"}),
        ({"study_older_than_days": 30}, {"study_date": "19700101"}, {"study_date": ""}),
        ({"study_older_than_days": 30}, {"study_date": "19700101"}, {"study_date": "2026.1.2"}),
        ({"study_older_than_days": 30}, {"study_date": "19700101"}, {"study_date": "2025"}),
        ({"study_older_than_days": 30}, {"study_date": "19700101"}, {"study_date": "00000000"}),
        ({"study_older_than_days": 30}, {"study_date": "19700101"}, {"study_date": "1ABCDEFG"}),
        ({"not_used_for_days": 30}, {"used_at": ago(31)}, {"used_at": ago(29)}),
        ({"not_used_for_days": 30}, {"last_received_at": ago(31)}, {"last_received_at": ago(29)}),
        ({"not_used_for_days": 30}, {"used_at": ago(31), "last_received_at": ago(5)}, {"used_at": ago(29)}),
        ({"modalities": ["SR", "CT"]}, {"modalities_in_study": "\\MR\\CT\\"}, {"modalities_in_study": "\\CTX\\MR\\"}),
        ({"modalities": ["_T"]}, {"modalities_in_study": "\\_T\\"}, {"modalities_in_study": "\\CT\\"}),
        ({"sources": ["A%", "B"]}, {"calling_ae_title": "A%"}, {"calling_ae_title": "AB"}),
        ({"sources": ["CT1"]}, {"calling_ae_title": "CT1"}, {"calling_ae_title": "ct1"}),
        ({"description_contains": "THORAX"}, {"study_description": "ct thorax 1"}, {"study_description": "CT Head"}),
        ({"description_contains": "5%"}, {"study_description": "KM 5% iv"}, {"study_description": "KM 50 iv"}),
        ({"description_contains": "a_b"}, {"study_description": "xA_Bx"}, {"study_description": "xAyBx"}),
        ({"description_contains": "a\\b"}, {"study_description": "xa\\bx"}, {"study_description": "xabx"}),
        ({"larger_than_mb": 5}, {"size_bytes": 5 * MB + 1}, {"size_bytes": 5 * MB}),
        ({"smaller_than_mb": 5}, {"size_bytes": 5 * MB - 1}, {"size_bytes": 5 * MB}),
        ({"labels": ["a", "Keep_"]}, {"labels": ["keep_"]}, {"labels": ["keepx"]}),
        ({"labels": ["a", "b"]}, {"labels": ["b", "c"]}, {}),
        ({"not_labels": ["a"]}, {"labels": ["b"]}, {"labels": ["A", "b"]}),
        ({}, {"labels": ["legal"]}, {"labels": ["Legal Hold"]}),
        ({"labels": ["legal hold"], "older_than_days": 1}, None, {"labels": ["legal hold"]}),
        (
            {"modalities": ["CT"], "larger_than_mb": 1, "older_than_days": 50},
            {"size_bytes": 2 * MB},
            {"size_bytes": 2 * MB, "last_received_at": ago(10)},
        ),
    ],
)
def test_which_studies_a_policy_means(
    conditions: dict[str, Any], meant: dict[str, Any] | None, not_meant: dict[str, Any]
) -> None:
    expected = [a_study(**meant).pk] if meant is not None else []
    a_study(**not_meant)

    assert chosen(a_policy(conditions)) == expected


def test_the_longest_unused_comes_first() -> None:
    pks = [
        a_study(last_received_at=ago(50)).pk,
        a_study(last_received_at=ago(200), used_at=ago(10)).pk,
        a_study(last_received_at=ago(60)).pk,
    ]

    assert chosen(a_policy()) == [pks[2], pks[0], pks[1]]


def test_it_is_one_query_however_many_there_are(django_assert_num_queries: Any) -> None:
    for _ in range(5):
        a_study(labels=["a"])
    policy = a_policy({"labels": ["a"], "study_older_than_days": 1, "modalities": ["CT"]})

    with django_assert_num_queries(1):
        assert len(list(studies_for(policy, NOW))) == 5


@pytest.mark.parametrize("conditions", [{"older": 1}, [], {"labels": []}, {"above_percent": 80}])
def test_a_row_with_bad_conditions_means_nothing(conditions: Any) -> None:
    policy = a_policy(from_tier=Tier.COLD, to_tier=Tier.ARCHIVE)
    policy.conditions = conditions

    for use in (lambda: studies_for(policy, NOW), lambda: simulate(policy, NOW), lambda: apply(policy, NOW)):
        with pytest.raises(BadConditions):
            use()


@pytest.mark.parametrize(
    "values", [{"to_tier": Tier.HOT}, {"runs_from": time(1)}, {"runs_until": time(1)}], ids=["tiers", "from", "until"]
)
def test_a_row_that_makes_no_sense_is_refused_by_the_database(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        a_policy(**values)


class TestLeftAlone:
    def test_what_is_on_its_way_is_not_meant(self, cold: Location) -> None:
        study, policy = a_study(), a_policy()
        move = ask_for_move(study, Tier.COLD, by="person")

        assert chosen(policy) == []
        Move.objects.filter(pk=move.pk).update(state=MoveState.DONE, finished_at=NOW)
        assert chosen(policy) == [study.pk]  # it is hot again by other ways than a recall

    @pytest.mark.parametrize(
        ("state", "tier"),
        [(MoveState.FAILED, Tier.COLD), (MoveState.CANCELLED, Tier.COLD), (MoveState.DONE, Tier.HOT)],
    )
    def test_for_a_day_after_it_failed_or_was_cancelled_or_brought_back(self, state: str, tier: str) -> None:
        study, policy = a_study(), a_policy()
        move = Move.objects.create(study=study, to_tier=tier, state=state, finished_at=ago(0.9), requested_by="x")

        assert chosen(policy) == []
        Move.objects.filter(pk=move.pk).update(finished_at=ago(1.1))
        assert chosen(policy) == [study.pk]


class TestApply:
    def test_it_asks_by_its_name_after_everybody_else(self, cold: Location) -> None:
        study, policy = a_study(), a_policy(name="nights")

        assert apply(policy, NOW) == 1

        move = Move.objects.get()
        assert (move.study, move.to_tier, move.policy, move.priority) == (study, Tier.COLD, policy, 5)
        assert move.requested_by == "policy nights"
        assert apply(policy, NOW) == 0

    def test_no_more_than_so_many_are_open(self, cold: Location) -> None:
        first, second, third = (a_study(last_received_at=ago(days)) for days in (90, 80, 70))
        policy = a_policy(at_once=2)

        assert (apply(policy, NOW), apply(policy, NOW)) == (2, 0)
        assert {move.study for move in Move.objects.all()} == {first, second}
        Move.objects.filter(study=first).update(state=MoveState.SWITCHED)
        assert apply(policy, NOW) == 0
        Move.objects.filter(study=first).update(state=MoveState.DONE, finished_at=NOW)
        Study.objects.filter(pk=first.pk).update(tier=Tier.COLD)
        assert apply(policy, NOW) == 1
        assert Move.objects.filter(study=third).exists()

    @pytest.mark.parametrize(
        ("begins", "ends", "hour", "minute", "is_open"),
        [
            (None, None, 3, 0, True),
            (time(9), time(17), 9, 0, True),
            (time(9), time(17), 16, 59, True),
            (time(9), time(17), 17, 0, False),
            (time(9), time(17), 8, 59, False),
            (time(22), time(6), 22, 0, True),
            (time(22), time(6), 5, 59, True),
            (time(22), time(6), 6, 0, False),
            (time(22), time(6), 12, 0, False),
            (time(6), time(6), 12, 0, True),
        ],
    )
    def test_only_in_its_window_of_local_time(
        self, settings: Settings, cold: Location, begins: time, ends: time, hour: int, minute: int, is_open: bool
    ) -> None:
        settings.TIME_ZONE = "Asia/Tokyo"
        a_study()
        policy = a_policy(runs_from=begins, runs_until=ends)
        local = datetime(2026, 11, 25, hour, minute, tzinfo=UTC) - timedelta(hours=9)

        assert apply(policy, local) == is_open

    def test_a_tier_without_locations_takes_nothing(self) -> None:
        a_study()

        with pytest.raises(MoveRefused, match="fewer than 1"):
            apply(a_policy(), NOW)

    def test_one_that_a_person_sends_elsewhere_meanwhile_keeps_no_other_back(
        self, cold: Location, archive: Location, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken, other = a_study(last_received_at=ago(90)), a_study(last_received_at=ago(80))
        policy = a_policy()
        monkeypatch.setattr(policies, "studies_for", lambda *_: Study.objects.order_by("last_received_at"))
        ask_for_move(taken, Tier.ARCHIVE, by="person")  # as if after the policy had chosen

        assert apply(policy, NOW) == 1
        assert {move.study: move.to_tier for move in Move.objects.all()} == {taken: Tier.ARCHIVE, other: Tier.COLD}

    def test_the_moves_are_carried_out(self, study: Study, cold: Location) -> None:
        Study.objects.update(completed_at=ago(1), last_received_at=ago(1))

        assert apply_all(NOW) == 0  # no policy
        a_policy({"not_used_for_days": 1})
        assert apply_all(NOW) == 1
        work(seconds=20)

        study.refresh_from_db()
        assert study.tier == Tier.COLD


class TestWatermarks:
    def studies(self) -> list[int]:
        """Ten of 20 MB and four instances, the longest unused first."""
        return [
            a_study(last_received_at=ago(100 - day), size_bytes=20 * MB, number_of_study_related_instances=4).pk
            for day in range(10)
        ]

    @pytest.mark.parametrize(
        ("megabytes", "files", "count"),
        [
            (849, 0, 0),
            (850, 0, 3),  # 50 MB and a byte, for less than 80 % to be in use
            (880, 0, 5),
            (100, 849, 0),
            (100, 850, 10),  # 51 inodes are more than these studies have
            (860, 825, 7),  # 60 MB, and 26 inodes
        ],
    )
    def test_so_many_that_the_disk_is_below_the_lower_limit(
        self, disk: Callable[..., None], cold: Location, megabytes: int, files: int, count: int
    ) -> None:
        pks = self.studies()
        disk(megabytes=megabytes, files=files)
        policy = a_policy({"above_percent": 85})

        assert chosen(policy) == pks[:count]
        assert simulate(policy, NOW).number_of_studies == count
        assert apply(policy, NOW) == count

    def test_what_is_on_its_way_counts(self, disk: Callable[..., None], cold: Location) -> None:
        pks = self.studies()
        disk(megabytes=880)
        policy = a_policy({"above_percent": 85})

        assert apply(policy, NOW) == 5
        assert apply(policy, NOW) == 0
        Move.objects.filter(study=pks[0]).delete()
        assert chosen(policy) == pks[:1]

    def test_what_deliveries_hold_back_does_not(self, disk: Callable[..., None], cold: Location) -> None:
        pks = self.studies()
        disk(megabytes=850)
        policy = a_policy({"above_percent": 85})
        assert apply(policy, NOW) == 3
        Study.objects.filter(pk__in=pks[:3]).update(tier=Tier.COLD)
        moves = Move.objects.all()
        moves.update(state=MoveState.SWITCHED, switched_at=NOW)
        for move in moves:
            move.study.tier_changes.create(from_tier=Tier.HOT, to_tier=Tier.COLD, at=NOW, requested_by="x")

        assert chosen(policy) == []
        moves.filter(study=pks[0]).update(last_error="4 files stay for now")
        assert chosen(policy) == pks[3:4]

    def test_it_goes_on_to_the_lower_limit_though_it_may_ask_for_few_at_once(
        self, disk: Callable[..., None], cold: Location
    ) -> None:
        self.studies()
        policy = a_policy({"above_percent": 85, "until_percent": 75}, at_once=1)

        for megabytes, count in [(840, 0), (850, 1), (830, 1), (760, 1), (749, 0), (840, 0)]:
            Move.objects.update(state=MoveState.DONE, finished_at=NOW)
            Study.objects.filter(moves__isnull=False).update(tier=Tier.COLD)
            disk(megabytes=megabytes)
            policy.refresh_from_db()
            assert apply(policy, NOW) == count, megabytes

    def test_a_disk_that_is_away_is_no_full_one(self, settings: Settings, cold: Location) -> None:
        settings.GANTRY = replace(settings.GANTRY, storage=settings.GANTRY.home / "away")
        a_study()

        with pytest.raises(OSError, match="away"):
            apply(a_policy({"above_percent": 1}), NOW)


class TestSimulation:
    def test_it_says_what_applying_does(self, cold: Location) -> None:
        for number in range(3):
            made = a_study(size_bytes=2 * 526_000, number_of_study_related_instances=2)
            InstanceFactory.create_batch(2, series__study=made)
            if number == 2:
                a_study(labels=["legal hold"], size_bytes=9 * GB)
        policy = a_policy({"older_than_days": 30})

        found = simulate(policy, NOW)
        assert Move.objects.count() == 0
        assert apply(policy, NOW) == found.number_of_studies == 3

        moved = Instance.objects.filter(series__study__moves__isnull=False)
        assert found.number_of_instances == moved.count() == 6
        assert found.size_bytes == sum(moved.values_list("size_bytes", flat=True))
        assert set(found.studies) == {move.study for move in Move.objects.all()}

    def test_nothing(self, cold: Location) -> None:
        Location.objects.update(cost_per_gb_month="0.02")

        found = simulate(a_policy(), NOW)

        assert (found.number_of_studies, found.number_of_instances, found.size_bytes, found.studies) == (0, 0, 0, ())
        assert found.words == "would move 0 studies, 0.00 GB, saves 0.00 a month"

    def test_only_the_first_are_shown(self) -> None:
        for _ in range(SHOWN + 1):
            a_study()

        found = simulate(a_policy(), NOW)

        assert (found.number_of_studies, len(found.studies)) == (SHOWN + 1, SHOWN)

    @pytest.mark.parametrize(
        ("tiers", "copies", "saved", "words"),
        [
            ((Tier.HOT, Tier.COLD), 1, "7.00", "would move 1 study, 100 GB, saves 7.00 a month"),
            ((Tier.HOT, Tier.COLD), 2, "4.00", "would move 1 study, 100 GB, saves 4.00 a month"),
            ((Tier.COLD, Tier.ARCHIVE), 1, "2.90", "would move 1 study, 100 GB, saves 2.90 a month"),
            ((Tier.COLD, Tier.HOT), 1, "-10.00", "would move 1 study, 100 GB, costs 10.00 more a month"),
        ],
    )
    def test_costs_are_means_of_enabled_locations_for_each_copy(
        self, settings: Settings, tmp_path: Any, tiers: tuple[str, str], copies: int, saved: str, words: str
    ) -> None:
        settings.GANTRY = replace(settings.GANTRY, tier_copies=copies, hot_cost_per_gb_month=Decimal("0.1"))
        for name, tier, cost, is_enabled in [
            ("a", Tier.COLD, "0.02", True),
            ("b", Tier.COLD, "0.04", True),
            ("off", Tier.COLD, "9", False),
            ("tape", Tier.ARCHIVE, "0.001", True),
        ]:
            location = folder_location(tmp_path, name, tier)
            Location.objects.filter(pk=location.pk).update(cost_per_gb_month=cost, is_enabled=is_enabled)
        a_study(size_bytes=100 * GB, tier=tiers[0])

        found = simulate(a_policy(from_tier=tiers[0], to_tier=tiers[1]), NOW)

        assert found.saved_per_month == Decimal(saved)
        assert found.words == words


class TestLateArrivals:
    def put_away(self, study: Study) -> None:
        Study.objects.update(completed_at=timezone.now())
        ask_for_move(study, Tier.COLD, by="test")
        self.go_on()

    def go_on(self) -> None:
        for _ in range(3):
            Move.objects.update(next_attempt_at=timezone.now())
            work(seconds=20)

    def arrive(self, study: Study, *, is_complete: bool = True) -> None:
        """One more instance of the study comes in."""
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = CT, "1.1.1.99"
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.PatientID, ds.Modality = "1.1", "1.1.1", "P1", "CT"
        keep(ds)
        index()
        Instance.objects.update(planned_at=timezone.now())
        if is_complete:
            Study.objects.update(completed_at=timezone.now())

    def test_they_follow_their_study(self, study: Study, cold: Location) -> None:
        self.put_away(study)
        assert late_arrivals() == 0
        self.arrive(study)
        assert Instance.objects.filter(tier=Tier.HOT).count() == 1

        assert (late_arrivals(), late_arrivals()) == (1, 0)
        move = Move.objects.first()
        assert move is not None
        assert (move.to_tier, move.requested_by, move.policy) == (Tier.COLD, "late arrivals", None)
        self.go_on()

        move.refresh_from_db()
        assert (move.state, move.total_bytes) == (MoveState.DONE, Instance.objects.order_by("-pk")[0].size_bytes)
        assert not Instance.objects.filter(tier=Tier.HOT).exists()
        assert late_arrivals() == 0

    def test_not_before_the_study_is_complete_again(self, study: Study, cold: Location) -> None:
        self.put_away(study)
        self.arrive(study, is_complete=False)

        assert late_arrivals() == 0

    def test_not_under_a_legal_hold(self, study: Study, cold: Location) -> None:
        self.put_away(study)
        self.arrive(study)
        StudyLabel.objects.create(study=study, label="LEGAL HOLD", given_by="rule")

        assert late_arrivals() == 0

    def test_a_tier_without_locations_is_logged(
        self, study: Study, cold: Location, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.put_away(study)
        self.arrive(study)
        Location.objects.update(is_enabled=False)

        assert late_arrivals() == 0
        assert caplog.records[-1].message == "late arrivals stay on the hot tier"


class TestTask:
    @pytest.fixture
    def rung(self) -> Any:
        """How often moves were told to be due."""
        heard: list[object] = []

        def hear(sender: object, **kwargs: Any) -> None:
            heard.append(sender)

        receivers, moves_due.receivers = moves_due.receivers, []
        moves_due.connect(hear)
        yield heard
        moves_due.receivers = receivers
        moves_due.sender_receivers_cache.clear()

    def test_all_that_are_on_are_applied_by_name_and_one_that_fails_stops_no_other(
        self, cold: Location, rung: list[object], caplog: pytest.LogCaptureFixture
    ) -> None:
        study = a_study()
        a_policy({"older": 1}, name="a: bad")
        a_policy(name="b: no such tier", to_tier=Tier.ARCHIVE)
        a_policy(name="c: off", is_enabled=False)
        policy = a_policy(name="d: first")
        a_policy(name="e: second")

        tasks.apply_policies()

        assert Move.objects.get().study == study
        assert Move.objects.get().policy == policy
        assert len(rung) == 1
        failed = [record for record in caplog.records if record.message == "policy not applied"]
        assert [record.policy for record in failed] == ["a: bad", "b: no such tier"]  # type: ignore[attr-defined]
        assert "older" in failed[0].reason  # type: ignore[attr-defined]

    def test_nobody_is_told_when_nothing_was_asked_for(self, cold: Location, rung: list[object]) -> None:
        a_policy()

        tasks.apply_policies()

        assert rung == []

    def test_a_cancelled_move_is_not_asked_for_a_minute_later(self, cold: Location, rung: list[object]) -> None:
        a_study()
        a_policy()
        tasks.apply_policies()
        assert cancel(Move.objects.get())

        tasks.apply_policies()

        assert Move.objects.count() == 1


def test_a_decision_takes_a_handful_of_queries(disk: Callable[..., None]) -> None:
    a_study()
    disk(megabytes=900)

    policy = a_policy({"above_percent": 85})
    with CaptureQueriesContext(connection) as queries:
        simulate(policy, NOW)

    assert len(queries) <= 6
