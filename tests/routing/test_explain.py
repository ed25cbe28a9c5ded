"""The dry run: all series of a study, scopes, and drafts in the place of what they change."""

from typing import Any

import pytest
from pydicom.uid import generate_uid

from gateway.env import Environment
from routing.conditions import parse_conditions
from routing.explain import Candidate, NothingToExplain, explain_study
from routing.models import Rule, RuleScope
from studies.models import Study
from tests.corpus import data_set, write_part10
from tests.factories import InstanceFactory, RuleFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
CT = {"attribute": "Modality", "operator": "equals", "value": "CT"}
SR = {"attribute": "Modality", "operator": "equals", "value": "SR"}


@pytest.fixture
def study(home: Environment) -> Study:
    """A CT series of two instances and a report, each with its files."""
    study = StudyFactory.create()
    for modality, count in (("CT", 2), ("SR", 1)):
        series = SeriesFactory.create(study=study, modality=modality)
        for _ in range(count):
            uid = str(generate_uid())
            content = data_set(sop_instance_uid=uid.encode(), modality=modality.encode())
            path = write_part10(home.storage, content, uid=uid)
            InstanceFactory.create(series=series, sop_instance_uid=uid, location=path.name)
    return study


def draft(rule: Rule) -> Candidate:
    return Candidate(rule, parse_conditions(rule.conditions), (), is_draft=True)


def test_every_series_is_judged_by_one_instance(study: Study) -> None:
    RuleFactory.create(conditions=[SR])

    (verdict,) = explain_study(study.study_instance_uid)

    assert [(each.modality, each.verdict.holds) for each in verdict.judged] == [("CT", False), ("SR", True)]
    assert (verdict.matched, verdict.matched_count) == (True, 1)
    assert "the instance has SR" in verdict.verdict.members[0].words


@pytest.mark.parametrize(("scope", "matched"), [(RuleScope.STUDY, [True]), (RuleScope.SERIES, [False, False])])
def test_a_rule_of_a_study_is_judged_on_the_values_of_all_series(
    study: Study, scope: RuleScope, matched: list[bool]
) -> None:
    RuleFactory.create(conditions=[CT, SR], scope=scope)

    (verdict,) = explain_study(study.study_instance_uid)

    assert [each.verdict.holds for each in verdict.judged] == matched


def test_a_draft_stands_in_the_place_of_its_rule(study: Study) -> None:
    rule = RuleFactory.create(name="live", order=2, conditions=[CT])
    RuleFactory.create(name="first", order=1)
    RuleFactory.create(name="last", order=3)

    changed = draft(Rule(pk=rule.pk, name="changed", order=2, conditions=[SR]))
    found = explain_study(study.study_instance_uid, changed)

    assert [(each.rule.name, each.is_draft) for each in found] == [
        ("first", False),
        ("changed", True),
        ("last", False),
    ]
    rule.refresh_from_db()
    assert rule.name == "live"


def test_a_new_draft_comes_after_rules_of_its_order(study: Study) -> None:
    RuleFactory.create(name="same", order=2)
    RuleFactory.create(name="later", order=3)

    found = explain_study(study.study_instance_uid, draft(Rule(name="new", order=2, conditions=[])))

    assert [each.rule.name for each in found] == ["same", "new", "later"]


@pytest.mark.parametrize(
    ("changes", "discarded_by"),
    [
        ({}, "Test images"),
        ({"order": 9}, ""),
        ({"mode": "shadow"}, ""),
        ({"scope": "study"}, ""),
        ({"conditions": [SR]}, ""),
    ],
)
def test_what_is_discarded_before_is_told(study: Study, changes: dict[str, Any], discarded_by: str) -> None:
    discard = {"order": 1, "conditions": [], "actions": [{"action": "discard", "reason": "x"}]}
    RuleFactory.create(name="Test images", **discard | changes)
    RuleFactory.create(name="Later", order=5, conditions=[CT])

    verdict = next(each for each in explain_study(study.study_instance_uid) if each.rule.name == "Later")

    assert (verdict.matched, verdict.discarded_by) == (True, discarded_by)


def test_counts_and_names_of_rules_before_are_facts(study: Study) -> None:
    study.series.filter(modality="CT").update(number_of_series_related_instances=2)
    RuleFactory.create(name="Scans", order=1, conditions=[CT])
    asks = [
        {"attribute": "MatchedRules", "operator": "equals", "value": "scans"},
        {"attribute": "SeriesInstancesReceived", "operator": "between", "value": ["2", "3"]},
        {"attribute": "ReceivedTime", "operator": "present"},
    ]
    RuleFactory.create(name="Asks", order=2, conditions=asks)

    verdict = explain_study(study.study_instance_uid)[1]

    assert [each.verdict.holds for each in verdict.judged] == [True, False]


def test_a_study_that_is_not_stored() -> None:
    with pytest.raises(NothingToExplain, match="No stored study has this UID"):
        explain_study("1.2.3")


def test_a_study_whose_file_is_gone_is_told_without_its_path(home: Environment) -> None:
    instance = InstanceFactory.create()
    RuleFactory.create(conditions=[CT])  # which asks for what the row does not have

    with pytest.raises(NothingToExplain) as raised:
        explain_study(instance.series.study.study_instance_uid)

    assert instance.location not in str(raised.value)
