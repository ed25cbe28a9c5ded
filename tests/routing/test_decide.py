"""Which rules act, in which order, and what stops them."""

from typing import Any

import pytest

from routing.conditions import Facts
from routing.decide import MATCHED_RULES, PlanActions, RuleBook, plan_actions
from routing.models import AIPool, Rule, RuleMode, RuleScope
from routing.rules import active_rules, save_rule
from tests.factories import DestinationFactory, RuleFactory

pytestmark = pytest.mark.django_db

CT = [{"attribute": "Modality", "operator": "equals", "value": "CT"}]
MR = [{"attribute": "Modality", "operator": "equals", "value": "MR"}]
FACTS: Facts = {"Modality": ["CT"]}
DISCARD = [{"action": "discard", "reason": "no use"}]


def after(*names: str) -> list[dict[str, Any]]:
    return [{"attribute": MATCHED_RULES, "operator": "in", "value": list(names)}]


def names(scope: RuleScope = RuleScope.INSTANCE, facts: Facts = FACTS) -> list[str]:
    return [active.rule.name for active in RuleBook(active_rules(), scope).decide(facts).acting]


def test_all_that_match_act_in_their_order() -> None:
    RuleFactory.create(name="second", order=20, conditions=CT)
    RuleFactory.create(name="other", order=15, conditions=MR)
    RuleFactory.create(name="first", order=10, conditions=[])
    assert names() == ["first", "second"]


def test_only_rules_of_the_scope_act() -> None:
    for scope in RuleScope:
        RuleFactory.create(name=scope.value, scope=scope)
    assert [names(scope) for scope in RuleScope] == [["instance"], ["series"], ["study"]]


def test_a_rule_is_found_by_any_of_its_values_and_by_any_value_of_the_instance() -> None:
    listed = [{"attribute": "Modality", "operator": "in", "value": ["mr ", "CT"]}]
    RuleFactory.create(name="listed", conditions=listed)
    RuleFactory.create(name="both", conditions=[*CT, *MR])
    assert names() == ["listed"]
    assert names(facts={"Modality": ["SR", "CT", "MR"]}) == ["listed", "both"]
    assert names(facts={"Modality": ["SR"]}) == names(facts={}) == []


def test_a_rule_may_ask_which_before_it_matched() -> None:
    RuleFactory.create(name="Thorax", order=1, conditions=CT)
    RuleFactory.create(name="Head", order=2, conditions=MR)
    RuleFactory.create(name="after thorax", order=3, conditions=after("thorax"))
    RuleFactory.create(name="after head", order=4, conditions=after("Head"))
    RuleFactory.create(name="rest", order=5, conditions=[{"none": after("Thorax", "Head")}])
    RuleFactory.create(name="too early", order=0, conditions=after("Thorax"))
    assert names() == ["Thorax", "after thorax"]
    assert names(facts={"Modality": ["US"]}) == ["rest"]


def test_a_rule_of_a_study_may_ask_about_narrower_ones_before_it() -> None:
    RuleFactory.create(name="at once", order=1)
    RuleFactory.create(name="series", order=2, scope=RuleScope.SERIES, conditions=after("at once"))
    RuleFactory.create(name="study", order=3, scope=RuleScope.STUDY, conditions=after("series"))
    RuleFactory.create(name="wider", order=4, scope=RuleScope.SERIES, conditions=after("study"))
    RuleFactory.create(name="silent", order=0, mode=RuleMode.SHADOW)
    RuleFactory.create(name="of shadow", order=5, scope=RuleScope.STUDY, conditions=after("silent"))
    assert [names(scope) for scope in RuleScope] == [["at once"], ["series"], ["study"]]


def test_a_rule_that_discards_is_the_last_and_sends_nothing_itself() -> None:
    one, two, three = (DestinationFactory.create() for _ in range(3))
    RuleFactory.create(name="before", order=1, to=[one])
    RuleFactory.create(name="discards", order=2, to=[two], actions=DISCARD)
    RuleFactory.create(name="after", order=3, to=[three])
    outcome = RuleBook(active_rules(), RuleScope.INSTANCE).decide(FACTS)
    assert [active.rule.name for active in outcome.acting] == ["before", "discards"]
    assert set(outcome.destinations) == {one.pk}
    assert outcome.discarding is not None


def test_a_rule_in_shadow_stops_and_sends_nothing() -> None:
    RuleFactory.create(name="shadow", order=1, to=[DestinationFactory.create()], mode="shadow", actions=DISCARD)
    RuleFactory.create(name="live", order=2)
    outcome = RuleBook(active_rules(), RuleScope.INSTANCE).decide(FACTS)
    assert [active.rule.name for active in outcome.shadow] == ["shadow"]
    assert [active.rule.name for active in outcome.acting] == ["live"]
    assert outcome.destinations == {}


def test_a_pool_of_several_rules_is_asked_by_the_first() -> None:
    pool = AIPool.objects.create(name="lungs")
    for name, order in (("second", 20), ("first", 10)):
        save_rule(Rule(name=name, order=order), destinations=[], ai_pools=[pool])
    outcome = RuleBook(active_rules(), RuleScope.INSTANCE).decide(FACTS)
    assert {pk: active.rule.name for pk, active in outcome.ai_pools.items()} == {pool.pk: "first"}


def test_actions_of_the_plan_are_picked_out_of_all() -> None:
    actions = [
        {"action": "set", "attribute": "InstitutionName", "value": "x"},
        {"action": "label", "label": " teaching "},
        {"action": "label", "label": "teaching"},
        {"action": "label", "label": "urgent"},
    ]
    assert plan_actions(Rule(actions=actions)) == PlanActions(None, ("teaching", "urgent"))
    assert plan_actions(Rule(actions=DISCARD)) == PlanActions("no use")
    assert plan_actions(Rule(actions=[{"action": "discard"}])) == PlanActions("")
