"""Back-tests: what they find, and that they go on wherever a worker was lost."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from routing.backtest import run
from routing.backtest.models import BackTest, BackTestState, BackTestStudy
from routing.models import Rule
from routing.tasks import back_test as back_test_task
from routing.tasks import sweep_back_tests
from studies.models import Study
from tests.factories import RuleFactory, SeriesFactory, StudyFactory
from tests.routing.backtest.conftest import finish, start

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bells")]
CT = {"attribute": "Modality", "operator": "equals", "value": "CT"}
MR = {"attribute": "Modality", "operator": "equals", "value": "MR"}


def study(*modalities: str, days_ago: int = 1, instances: int = 10) -> Study:
    made = StudyFactory.create(received_at=timezone.now() - timedelta(days=days_ago))
    for modality in modalities:
        SeriesFactory.create(study=made, modality=modality, number_of_series_related_instances=instances)
    return made


def found(back_test: BackTest) -> dict[int, tuple[bool, bool, int]]:
    return {row.study_id: (row.by_draft, row.by_live, row.instance_count) for row in back_test.studies.all()}


def test_a_new_rule_is_judged_on_the_last_days() -> None:
    ct, both = study("CT"), study("CT", "MR", "CT")
    study("MR")
    study("CT", days_ago=31)

    back_test = finish(start([CT]))

    assert (back_test.state, back_test.total, back_test.judged, back_test.matched) == ("done", 3, 3, 2)
    assert found(back_test) == {ct.pk: (True, False, 10), both.pk: (True, False, 20)}
    assert back_test.finished_at is not None
    assert not run.reads_files(back_test)


def test_a_draft_is_compared_with_the_version_in_force_when_it_was_started() -> None:
    ct, mr, both = study("CT"), study("MR"), study("CT", "MR")
    rule = RuleFactory.create(conditions=[CT])
    back_test = start([MR], rule=rule)
    Rule.objects.filter(pk=rule.pk).update(conditions=[])

    finish(back_test)

    assert (back_test.matched, back_test.differing) == (2, 2)
    assert found(back_test) == {ct.pk: (False, True, 10), mr.pk: (True, False, 10), both.pk: (True, True, 10)}


@pytest.mark.parametrize(("scope", "count"), [("instance", 0), ("series", 0), ("study", 20)])
def test_a_study_is_judged_as_a_whole_by_a_rule_of_studies(scope: str, count: int) -> None:
    made = study("CT", "MR")

    back_test = finish(start([CT, MR], scope=scope))

    assert found(back_test) == ({made.pk: (True, False, count)} if count else {})


def test_a_rule_may_ask_which_rules_before_it_matched() -> None:
    ct, _ = study("CT"), study("MR")
    RuleFactory.create(name="Scans", order=1, conditions=[CT])

    back_test = finish(start([{"attribute": "MatchedRules", "operator": "equals", "value": "Scans"}]))

    assert list(found(back_test)) == [ct.pk]


def test_it_goes_on_in_turns(monkeypatch: pytest.MonkeyPatch, bells: list[int]) -> None:
    for _ in range(5):
        study("CT")
    monkeypatch.setattr(run, "STUDIES_OF_A_SLICE", 2)
    monkeypatch.setattr(run, "TURN_SECONDS", 0)
    back_test = start([CT])

    judged = []
    for _ in range(4):
        back_test_task(back_test.pk)
        judged.append(BackTest.objects.get().judged)

    assert judged == [2, 4, 5, 5]
    assert bells == [back_test.pk] * 3  # after each turn but the last, which finds nothing more
    assert BackTest.objects.get().state == "done"


def test_another_worker_goes_on_where_one_was_lost(monkeypatch: pytest.MonkeyPatch, bells: list[int]) -> None:
    for _ in range(5):
        study("CT")
    monkeypatch.setattr(run, "STUDIES_OF_A_SLICE", 2)
    monkeypatch.setattr(run, "TURN_SECONDS", 0)
    back_test = start([CT])
    run.take_turn(back_test.pk)

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(run, "_keep", die)
        with pytest.raises(Killed):
            run.take_turn(back_test.pk)
    assert not run.take_turn(back_test.pk), "its lease still holds"
    BackTest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    bells.clear()
    sweep_back_tests()

    assert bells == [back_test.pk]
    finish(back_test)
    assert (back_test.state, back_test.judged, back_test.matched) == ("done", 5, 5)
    assert BackTestStudy.objects.count() == 5


def test_who_lost_its_lease_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    study("CT")
    back_test = start([CT])
    keep = run._keep

    def late(*args: Any) -> bool:
        BackTest.objects.update(lease_token="another")
        return keep(*args)

    monkeypatch.setattr(run, "_keep", late)

    assert not run.take_turn(back_test.pk)
    back_test.refresh_from_db()
    assert (back_test.judged, back_test.studies.count(), back_test.state) == (0, 0, "running")


def test_the_sweep_leaves_alone_what_is_under_way(bells: list[int]) -> None:
    study("CT")
    back_test = start([CT])

    assert run.sweep() == [back_test.pk]
    assert run.sweep() == [], "the turn that was rung has ten seconds"
    finish(back_test)
    assert run.sweep() == []


def test_cancel_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        study("CT")
    monkeypatch.setattr(run, "STUDIES_OF_A_SLICE", 1)
    monkeypatch.setattr(run, "TURN_SECONDS", 0)
    back_test = start([CT])
    run.take_turn(back_test.pk)

    assert run.cancel(back_test)
    assert not run.take_turn(back_test.pk)
    assert not run.cancel(back_test), "it has ended"
    back_test.refresh_from_db()
    assert (back_test.state, back_test.judged) == (BackTestState.CANCELLED, 1)


def test_what_does_not_end_within_a_day_is_given_up() -> None:
    back_test = start([CT])
    BackTest.objects.update(created_at=timezone.now() - timedelta(hours=25))

    assert run.sweep() == []
    back_test.refresh_from_db()
    assert (back_test.state, "within a day" in back_test.last_error) == ("failed", True)


def test_a_draft_that_cannot_be_read_fails_in_words() -> None:
    back_test = start([CT])
    BackTest.objects.update(draft=back_test.draft | {"conditions": [{"attribute": "Modalty"}]})

    finish(back_test)

    assert (back_test.state, "conditions cannot be read" in back_test.last_error) == ("failed", True)


def test_it_is_kept_for_a_month() -> None:
    finish(start([CT]))
    BackTest.objects.update(finished_at=timezone.now() - timedelta(days=31))

    run.sweep()

    assert not BackTest.objects.exists()


def test_a_start_is_rung_when_it_is_kept(
    bells: list[int], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        back_test = start([CT])

    assert bells == [back_test.pk]
