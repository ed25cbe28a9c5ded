"""Rules as versions, and deliveries written once for what they match."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import TestCase
from pytest_django import DjangoAssertNumQueries, Settings

from gateway.accounts.models import User
from routing.explain import explain_file
from routing.models import AIPool, AIRequest, Delivery, Discard, Rule, ShadowMatch
from routing.plan import plan_all, plan_batch
from routing.rules import save_rule
from studies.models import Instance, Series, StudyLabel
from studies.storage import hot_storage
from tests.factories import DestinationFactory, RuleFactory, UserFactory
from tests.routing.conftest import Store

pytestmark = pytest.mark.django_db

MR = [{"attribute": "Modality", "operator": "equals", "value": "MR"}]


def test_a_rule_that_is_saved_unchanged_keeps_its_version() -> None:
    destination = DestinationFactory.create()
    rule = RuleFactory.create(to=[destination])
    assert rule.version == 1
    assert save_rule(rule, destinations=[destination]).number == 1
    rule.comment = "a comment is no change of what it does"
    assert save_rule(rule, destinations=[destination]).number == 1


@pytest.mark.parametrize(
    ("field", "value"), [("name", "Other"), ("order", 5), ("conditions", MR), ("conditions", []), ("priority", 1)]
)
def test_a_change_of_a_rule_is_a_new_version(field: str, value: object) -> None:
    author: User = UserFactory.create()
    rule = RuleFactory.create(to=[])
    before = rule.versions.get().definition
    setattr(rule, field, value)
    version = save_rule(rule, destinations=[], author=author)
    assert (version.number, version.author, rule.version) == (2, author, 2)
    assert version.definition[field] == value
    assert rule.versions.get(number=1).definition == before
    assert Rule.objects.get().version == 2


def test_other_destinations_are_a_new_version_in_whatever_order() -> None:
    one, two = DestinationFactory.create(), DestinationFactory.create()
    rule = RuleFactory.create(to=[one])
    assert save_rule(rule, destinations=[two, one]).number == 2
    assert save_rule(rule, destinations=[one, two]).number == 2
    assert set(rule.destinations.all()) == {one, two}


def test_going_back_is_a_new_version_too() -> None:
    rule = RuleFactory.create(to=[], name="A")
    for name in ("B", "A"):
        rule.name = name
        save_rule(rule, destinations=[])
    assert rule.version == 3


def test_what_matches_is_planned_once(store: Store) -> None:
    one, two = DestinationFactory.create(), DestinationFactory.create()
    rule = RuleFactory.create(to=[one, two], priority=2)
    RuleFactory.create(to=[one], conditions=MR)
    instance = store()
    assert plan_all() == 1
    assert plan_all() == 0
    assert {(row.instance, row.destination, row.rule_version, row.priority) for row in Delivery.objects.all()} == {
        (instance, one, rule.versions.get(), 2),
        (instance, two, rule.versions.get(), 2),
    }
    Instance.objects.update(planned_at=None)  # a worker that was lost between its work and its word
    assert plan_all() == 1
    assert Delivery.objects.count() == 2


def test_a_destination_of_several_rules_gets_it_once_by_the_first(store: Store) -> None:
    destination = DestinationFactory.create()
    RuleFactory.create(to=[destination], order=20)
    first = RuleFactory.create(to=[destination], order=10)
    RuleFactory.create(to=[destination], order=30)
    store()
    plan_all()
    assert Delivery.objects.get().rule_version == first.versions.get()


def test_a_rule_that_is_off_and_one_without_a_destination_plan_nothing(store: Store) -> None:
    RuleFactory.create(to=[DestinationFactory.create()], is_enabled=False)
    RuleFactory.create(to=[])
    instance = store()
    assert plan_all() == 1
    assert Delivery.objects.count() == 0
    instance.refresh_from_db()
    assert instance.planned_at is not None


def test_an_instance_that_cannot_be_read_stops_no_other(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    RuleFactory.create(to=[DestinationFactory.create()])
    broken, missing, good = store(), store(), store()
    path = Path(hot_storage().path(broken.location))
    path.write_bytes(path.read_bytes()[:-5])
    Path(hot_storage().path(missing.location)).unlink()
    assert plan_all() == 1
    assert Delivery.objects.get().instance == good
    assert "not planned" in caplog.text
    assert set(Instance.objects.filter(planned_at=None)) == {broken, missing}


def test_more_than_a_batch_is_planned(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.plan.BATCH", 2)
    RuleFactory.create(to=[DestinationFactory.create()])
    for _ in range(5):
        store()
    assert plan_all() == 5
    assert Delivery.objects.count() == 5


def test_the_lanes_are_woken_after_the_commit(store: Store, rung: list[int]) -> None:
    one, two = DestinationFactory.create(), DestinationFactory.create()
    RuleFactory.create(to=[one, two])
    store()
    store()
    with TestCase.captureOnCommitCallbacks(execute=True):
        plan_all()
        assert rung == []
    assert sorted(rung) == [one.pk, two.pk]


def test_a_trial_changes_nothing_and_says_why(store: Store) -> None:
    matching = RuleFactory.create(to=[DestinationFactory.create()], order=1)
    other = RuleFactory.create(conditions=MR, order=2)
    found = explain_file(Path(hot_storage().path(store().location)))
    assert [(verdict.rule, verdict.matched) for verdict in found] == [(matching, True), (other, False)]
    assert "the instance has CT" in found[1].verdict.members[0].words
    assert Delivery.objects.count() == 0


def test_a_rule_may_ask_when_it_came_in_and_how_much_is_here(store: Store, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    night = {"attribute": "ReceivedTime", "operator": "between", "value": ["22:00", "06:00"]}
    sunday = {"attribute": "ReceivedWeekday", "operator": "in", "value": ["Saturday", "Sunday"]}
    few = {"attribute": "SeriesInstancesReceived", "operator": "less", "value": 5}
    RuleFactory.create(to=[DestinationFactory.create()], conditions=[night, sunday, few])
    # 21:30 UTC on a Sunday is half past ten in the evening in winter, and 22:30 is Monday's summer
    matching = store(received_at=datetime(2026, 11, 22, 21, 30, tzinfo=UTC))
    store(received_at=datetime(2026, 6, 7, 22, 30, tzinfo=UTC))
    store(received_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    plan_all()
    assert Delivery.objects.get().instance == matching
    Series.objects.update(number_of_series_related_instances=5)
    store(received_at=datetime(2026, 11, 22, 21, 30, tzinfo=UTC))
    plan_all()
    assert Delivery.objects.count() == 1


def test_of_an_uploaded_file_nobody_knows_when_it_came_in(store: Store) -> None:
    names = ["ReceivedTime", "ReceivedWeekday", "StudyInstancesReceived", "SeriesInstancesReceived", "MatchedRules"]
    RuleFactory.create(conditions=[{"attribute": name, "operator": "present"} for name in names])
    found = explain_file(Path(hot_storage().path(store().location)))
    assert [member.words.partition(" — ")[2] for member in found[0].verdict.members] == [
        "the instance has no value"
    ] * 5


def test_a_rule_that_discards_ends_the_list(store: Store) -> None:
    one, two = DestinationFactory.create(), DestinationFactory.create()
    RuleFactory.create(to=[one], order=1)
    discard = RuleFactory.create(order=2, actions=[{"action": "discard", "reason": "not wanted here"}])
    RuleFactory.create(to=[two], order=3)
    instance = store()
    plan_all()
    assert Delivery.objects.get().destination == one
    found = Discard.objects.get()
    assert (found.instance, found.rule_version, found.reason) == (instance, discard.versions.get(), "not wanted here")


def test_a_label_is_given_to_the_study_once(store: Store) -> None:
    label = [{"action": "label", "label": "teaching"}]
    RuleFactory.create(order=2, actions=label)
    RuleFactory.create(order=1, actions=label, name="first")
    first, _ = store(), store()
    plan_all()
    store()
    plan_all()
    found = StudyLabel.objects.get()
    assert (found.study, found.label, found.given_by) == (first.series.study, "teaching", "first")


def test_pools_are_asked_with_the_deliveries_and_once(store: Store) -> None:
    pool = AIPool.objects.create(name="lungs")
    version = save_rule(Rule(name="lungs", priority=1), destinations=[], ai_pools=[pool])
    first, second = store(), store()
    plan_all()
    asked = AIRequest.objects.get()
    assert (asked.rule_version, asked.study, asked.priority) == (version, first.series.study, 1)
    assert set(asked.instances.all()) == {first, second}


def test_of_two_workers_with_the_same_instance_one_writes(store: Store) -> None:
    save_rule(Rule(name="lungs"), destinations=[], ai_pools=[AIPool.objects.create(name="lungs")])
    batch = [store(), store()]
    assert plan_batch(batch) == {instance.pk for instance in batch}
    assert plan_batch(batch) == {instance.pk for instance in batch}  # it had read its batch before the other was done
    assert AIRequest.objects.count() == 1


def test_a_large_batch_takes_as_many_queries_as_a_small_one(
    store: Store, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    RuleFactory.create(to=[DestinationFactory.create()])
    RuleFactory.create(mode="shadow")
    batch = [store() for _ in range(20)]
    with django_assert_max_num_queries(14):
        plan_batch(batch)
    assert Delivery.objects.count() == ShadowMatch.objects.count() == 20


def test_a_file_is_opened_only_for_what_its_row_does_not_have(store: Store) -> None:
    destination = DestinationFactory.create()
    names = ("SOPClassUID", "CallingAETitle", "TransferSyntaxUID", "ReceivedWeekday", "StudyInstancesReceived")
    present = [{"attribute": name, "operator": "present"} for name in names]
    RuleFactory.create(to=[destination], conditions=present)
    instance = store()
    hot_storage().delete(instance.location)

    plan_all()

    assert Delivery.objects.get().instance == instance
