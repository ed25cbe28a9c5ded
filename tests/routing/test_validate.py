"""Findings about rules: each by the rows that cause it, and none where nothing is wrong."""

from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries, Settings

from gateway.env import Environment
from routing.models import Rule
from routing.validate import Finding, Severity, validate_draft, validate_rules
from tests.factories import AIPoolFactory, AIWorkerFactory, DestinationFactory, RuleFactory

pytestmark = pytest.mark.django_db
CT = {"attribute": "Modality", "operator": "equals", "value": "CT"}
MR = {"attribute": "Modality", "operator": "equals", "value": "MR"}
DISCARD = [{"action": "discard", "reason": "test images"}]


def codes(findings: list[Finding] | None = None) -> list[str]:
    return [finding.code for finding in (validate_rules() if findings is None else findings)]


def test_nothing_is_wrong_with_a_usual_configuration() -> None:
    worker = AIWorkerFactory.create()
    RuleFactory.create(conditions=[CT], to=[DestinationFactory.create()])
    RuleFactory.create(conditions=[MR], ask=[worker.pool])
    RuleFactory.create(conditions=[CT, MR | {"attribute": "StudyID"}], actions=DISCARD)

    assert validate_rules() == []


def test_a_rule_that_does_nothing_is_an_error() -> None:
    rule = RuleFactory.create()

    (finding,) = validate_rules()

    assert (finding.severity, finding.code, finding.rule) == (Severity.ERROR, "does-nothing", rule)
    assert "destination or an AI pool" in finding.words


@pytest.mark.parametrize("actions", [DISCARD, [{"action": "label", "label": "x"}]])
def test_to_discard_or_label_is_to_do_something(actions: list[Any]) -> None:
    RuleFactory.create(actions=actions)

    assert codes() == []


def test_a_destination_that_is_off() -> None:
    RuleFactory.create(to=[DestinationFactory.create(name="PACS", is_enabled=False)])

    (finding,) = validate_rules()

    assert (finding.severity, finding.code) == (Severity.WARNING, "destination-off")
    assert "PACS is off" in finding.words


def test_a_destination_that_was_deleted() -> None:
    gone, kept = DestinationFactory.create(name="Old PACS"), DestinationFactory.create()
    RuleFactory.create(to=[gone, kept])
    gone.delete()

    (finding,) = validate_rules()

    assert (finding.code, "Old PACS" in finding.words) == ("destination-deleted", True)


def test_a_destination_without_a_rule() -> None:
    destination = DestinationFactory.create()
    RuleFactory.create(to=[destination], is_enabled=False)

    (finding,) = validate_rules()

    assert (finding.code, finding.rule, finding.destination) == ("destination-unused", None, destination)


def test_a_destination_of_results_needs_no_rule() -> None:
    AIPoolFactory.create().result_destinations.add(DestinationFactory.create())

    assert codes() == []


@pytest.mark.parametrize("workers", [[], [False]], ids=["none", "one that is off"])
def test_a_pool_without_a_worker_that_is_on(workers: list[bool]) -> None:
    pool = AIPoolFactory.create()
    for is_enabled in workers:
        AIWorkerFactory.create(pool=pool, is_enabled=is_enabled)
    RuleFactory.create(ask=[pool])

    assert codes() == ["pool-off"]


def test_conditions_that_contradict_each_other() -> None:
    RuleFactory.create(conditions=[CT, MR], to=[DestinationFactory.create()])

    (finding,) = validate_rules()

    assert finding.code == "never-matches"
    assert "Modality is CT and Modality is MR" in finding.words


@pytest.mark.parametrize(
    ("earlier", "later", "is_found"),
    [
        ([], [CT], True),
        ([CT], [CT, {"attribute": "Rows", "operator": "present"}], True),
        ([MR], [CT], False),
        ([CT], [], False),
    ],
)
def test_a_rule_whose_instances_are_discarded_before(earlier: list[Any], later: list[Any], is_found: bool) -> None:
    first = RuleFactory.create(name="Test images", order=1, conditions=earlier, actions=DISCARD)
    second = RuleFactory.create(order=2, conditions=later, to=[DestinationFactory.create()])

    found = [finding for finding in validate_rules() if finding.code == "discarded-before"]

    assert [finding.rule for finding in found] == ([second] if is_found else [])
    assert all(first.name in finding.words for finding in found)


@pytest.mark.parametrize("changes", [{"order": 3}, {"is_enabled": False}, {"mode": "shadow"}])
def test_what_does_not_discard_before(changes: dict[str, Any]) -> None:
    RuleFactory.create(**{"order": 1, "conditions": [], "actions": DISCARD} | changes)
    RuleFactory.create(order=2, to=[DestinationFactory.create()])

    assert "discarded-before" not in codes()


def test_the_same_rule_twice() -> None:
    destination = DestinationFactory.create()
    RuleFactory.create(name="One", conditions=[CT, MR | {"attribute": "StudyID"}], to=[destination])
    twin = RuleFactory.create(conditions=[MR | {"attribute": "StudyID"}, CT], to=[destination])
    RuleFactory.create(conditions=[CT], to=[destination])

    assert [(finding.code, finding.rule) for finding in validate_rules()] == [("same-rule-twice", twin)]


@pytest.mark.parametrize(
    ("host", "port", "ae_title", "is_own"),
    [
        ("127.0.0.1", 11112, "GANTRY", True),
        ("localhost", 11112, "GANTRY", True),
        ("127.0.0.1", 2762, "GANTRY", True),
        ("127.0.0.1", 104, "GANTRY", False),
        ("127.0.0.1", 11112, "PACS", False),
        ("10.1.1.1", 11112, "GANTRY", False),
    ],
)
def test_a_destination_that_is_the_gateway_itself(
    home: Environment, settings: Settings, host: str, port: int, ae_title: str, is_own: bool
) -> None:
    everywhere = ("0.0.0.0", 11112)  # noqa: S104 (compared with, not bound to)
    settings.GANTRY = replace(home, ae_title="GANTRY", dicom_bind=everywhere, dicom_tls_bind=("127.0.0.1", 2762))
    RuleFactory.create(to=[DestinationFactory.create(host=host, port=port, ae_title=ae_title)])

    assert [(each.severity, each.code) for each in validate_rules()] == (
        [(Severity.ERROR, "sends-to-itself")] if is_own else []
    )


@pytest.mark.parametrize(("calling", "is_found"), [("", True), ("FORWARDER", False)])
def test_a_rule_that_matches_what_it_sends(calling: str, is_found: bool) -> None:
    own = {"attribute": "CallingAETitle", "operator": "in", "value": [settings.GANTRY.ae_title, "CT1"]}
    RuleFactory.create(conditions=[own], to=[DestinationFactory.create(calling_ae_title=calling)])

    assert codes() == (["matches-what-it-sends"] if is_found else [])


@pytest.mark.parametrize(("tag", "is_unknown"), [("(0008,0061)", False), ("0008FFFF", True), ("00091001", False)])
def test_an_attribute_that_the_standard_does_not_have(tag: str, is_unknown: bool) -> None:
    conditions = [{"any": [{"attribute": tag, "operator": "present"}]}]
    RuleFactory.create(conditions=conditions, to=[DestinationFactory.create()])

    assert codes() == (["attribute-unknown"] if is_unknown else [])


def test_conditions_that_cannot_be_read_any_more() -> None:
    rule = RuleFactory.create(to=[DestinationFactory.create()])
    Rule.objects.filter(pk=rule.pk).update(conditions=[{"attribute": "Modalty"}])

    assert codes() == ["conditions-invalid"]


def test_to_discard_and_to_send() -> None:
    RuleFactory.create(actions=DISCARD, to=[DestinationFactory.create()])

    assert codes() == ["discards-and-sends"]


def test_errors_come_first() -> None:
    RuleFactory.create(order=1, to=[DestinationFactory.create(is_enabled=False)])
    RuleFactory.create(order=2, conditions=[])

    assert codes() == ["does-nothing", "destination-off"]


def test_a_draft_is_compared_with_the_others_and_not_with_itself() -> None:
    destination = DestinationFactory.create()
    rule = RuleFactory.create(conditions=[CT], to=[destination])
    RuleFactory.create(order=1, conditions=[MR], to=[destination])

    assert validate_draft(rule, [destination], []) == []
    rule.conditions = [MR]
    assert codes(validate_draft(rule, [destination], [])) == ["same-rule-twice"]


def test_the_number_of_queries_is_constant(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(6):
        RuleFactory.create(order=number, to=[DestinationFactory.create()], ask=[AIPoolFactory.create()])

    with django_assert_num_queries(7):  # rules, destinations, pools, workers, versions, results, destinations
        assert validate_rules()
