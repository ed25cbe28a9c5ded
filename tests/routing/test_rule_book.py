"""However the rules are indexed: those act that hold, in their order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from routing.conditions import judge, parse_conditions
from routing.decide import MATCHED_RULES, RuleBook
from routing.models import Rule, RuleMode, RuleScope, RuleVersion
from routing.rules import ActiveRule

NAMES = st.sampled_from(["A", "B", "C", "straße", "STRASSE"])
COMPARISONS = st.fixed_dictionaries(
    {
        "attribute": st.sampled_from(["Modality", "StationName", "ImageType", MATCHED_RULES]),
        "operator": st.sampled_from(["equals", "contains", "matches"]),
        "value": NAMES,
    }
) | st.fixed_dictionaries(
    {
        "attribute": st.sampled_from(["Modality", MATCHED_RULES]),
        "operator": st.just("in"),
        "value": st.lists(NAMES, min_size=1, max_size=3),
    }
)
CONDITIONS = st.lists(
    COMPARISONS | st.fixed_dictionaries({"none": st.lists(COMPARISONS, min_size=1, max_size=2)}), max_size=3
)
RULES = st.lists(
    st.tuples(NAMES, CONDITIONS, st.sampled_from(RuleScope), st.sampled_from(RuleMode), st.booleans()), max_size=8
)
FACTS = st.dictionaries(st.sampled_from(["Modality", "StationName", "ImageType"]), st.lists(NAMES, max_size=3))


def made(name: str, conditions: list[Any], scope: RuleScope, mode: RuleMode, is_discard: bool) -> ActiveRule:
    actions = [{"action": "discard", "reason": "none"}] if is_discard else []
    rule = Rule(name=name, scope=scope, mode=mode, actions=actions)
    return ActiveRule(rule, RuleVersion(), parse_conditions(conditions), (), ())


def asked_one_by_one(
    rules: list[ActiveRule], scope: RuleScope, facts: dict[str, list[str]]
) -> tuple[list[int], list[int]]:
    """What the documentation says, in the simplest words."""
    breadth = list(RuleScope)
    matched: list[str] = []
    acting, shadow = [], []
    for active in rules:
        is_shadow = active.rule.mode == RuleMode.SHADOW
        is_own = active.rule.scope == scope
        is_narrower = breadth.index(RuleScope(active.rule.scope)) < breadth.index(scope)
        if not judge(active.conditions, facts | {MATCHED_RULES: matched}).holds:
            continue
        if is_shadow:
            shadow += [id(active)] if is_own else []
        elif is_own or is_narrower:
            matched.append(active.rule.name)
            acting += [id(active)] if is_own else []
            if is_own and active.rule.actions:
                break
    return acting, shadow


@given(RULES, FACTS, st.sampled_from(RuleScope))
def test_a_book_says_what_the_rules_say_one_by_one(rules: list[Any], facts: Any, scope: RuleScope) -> None:
    active = [made(*rule) for rule in rules]
    outcome = RuleBook(active, scope).decide(facts)
    found = [id(each) for each in outcome.acting], [id(each) for each in outcome.shadow]
    assert found == asked_one_by_one(active, scope, facts)
