"""What is wrong, or looks wrong, with the rules as they stand together: findings in words, with a severity."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydicom.datadict import keyword_for_tag

from routing.action_words import decides, kind_of
from routing.conditions import BadCondition, Condition, parse_conditions
from routing.decide import MATCHED_RULES
from routing.loops import is_own_listener, own_calling_ae_title
from routing.models import AIPool, Destination, Rule, RuleMode, RuleScope, RuleVersion
from routing.reach import comparisons_of, contradiction, is_implied

DOES_NOTHING = gettext_noop(
    "A rule needs something to do: choose a destination or an AI pool, or add an action that discards or labels "
    "what matches."
)


class Severity(StrEnum):
    """An error keeps a rule from being saved; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that somebody should look at.

    Attributes:
        code: for programs; it does not change.
        rule: whom it is about; None for a destination that no rule names.
    """

    severity: Severity
    code: str
    words: str
    rule: Rule | None = None
    destination: Destination | None = None


@dataclass(frozen=True)
class Checked:
    """A rule with what it names, saved or as a draft."""

    rule: Rule
    destinations: tuple[Destination, ...]
    ai_pools: tuple[AIPool, ...]
    version: RuleVersion | None = None

    @cached_property
    def conditions(self) -> tuple[Condition, ...] | None:
        """None when they are no conditions."""
        try:
            return parse_conditions(self.rule.conditions)
        except BadCondition:
            return None

    @property
    def acts(self) -> bool:
        """It is on and live."""
        return self.rule.is_enabled and self.rule.mode == RuleMode.LIVE

    @property
    def discards(self) -> bool:
        """It has what matches go nowhere."""
        return isinstance(self.rule.actions, list) and any(kind_of(each) == "discard" for each in self.rule.actions)

    def does_something(self) -> bool:
        """It sends, asks, or decides."""
        return does_something(self.destinations, self.ai_pools, self.rule.actions)


def does_something(destinations: Sequence[object], ai_pools: Sequence[object], actions: object) -> bool:
    """Whether a rule with these has any effect."""
    return bool(destinations) or bool(ai_pools) or decides(actions)


def validate_rules() -> list[Finding]:
    """All findings, errors first, then in the order of the rules; constant in queries."""
    rules = _saved_rules()
    found = [finding for number, checked in enumerate(rules) for finding in _about(checked, rules[:number])]
    found += _unused(rules)
    return sorted(found, key=lambda finding: finding.severity)  # stable; "error" sorts before "warning"


def validate_draft(rule: Rule, destinations: Iterable[Destination], ai_pools: Iterable[AIPool]) -> list[Finding]:
    """The findings about one rule as it would be saved, beside the others as they are."""
    draft = Checked(rule, tuple(destinations), tuple(ai_pools))
    before = [
        each
        for each in _saved_rules()
        if each.rule.pk != rule.pk and (each.rule.order, each.rule.pk) < (rule.order, rule.pk or float("inf"))
    ]
    return sorted(_about(draft, before), key=lambda finding: finding.severity)


def _saved_rules() -> list[Checked]:
    rules = list(Rule.objects.prefetch_related("destinations", "ai_pools__workers").order_by("order", "pk"))
    versions = {(each.rule_id, each.number): each for each in RuleVersion.objects.filter(rule__in=rules)}
    return [
        Checked(rule, tuple(rule.destinations.all()), tuple(rule.ai_pools.all()), versions.get((rule.pk, rule.version)))
        for rule in rules
    ]


def _about(checked: Checked, before: Sequence[Checked]) -> Iterator[Finding]:
    for finding in (
        *_effect(checked),
        *_names(checked),
        *_conditions(checked, before),
        *_actions(checked),
        *_loops(checked),
        *_others(checked, before),
    ):
        yield replace(finding, rule=checked.rule)


def _effect(checked: Checked) -> Iterator[Finding]:
    if not checked.does_something():
        yield Finding(Severity.ERROR, "does-nothing", _(DOES_NOTHING))
    if checked.discards and (checked.destinations or checked.ai_pools):
        words = _(
            "It discards what matches, and names destinations or AI pools beside: what is discarded goes nowhere."
        )
        yield Finding(Severity.WARNING, "discards-and-sends", words)


def _names(checked: Checked) -> Iterator[Finding]:
    """What the rule names is off, or not there any more."""
    for destination in checked.destinations:
        if not destination.is_enabled:
            words = _("%(name)s is off: deliveries to it wait until it is on again.") % {"name": destination.name}
            yield Finding(Severity.WARNING, "destination-off", words, destination=destination)
    for pool in checked.ai_pools:
        if not pool.is_enabled or not any(worker.is_enabled for worker in pool.workers.all()):
            words = _("AI pool %(name)s is off or has no worker that is on: requests to it wait.") % {"name": pool.name}
            yield Finding(Severity.WARNING, "pool-off", words)
    if checked.version is not None:
        kept = {destination.pk for destination in checked.destinations}
        for named in checked.version.definition.get("destinations", []):
            if named["id"] not in kept:
                words = _("It sent to %(name)s, which is deleted. Save the rule again to agree.") % {
                    "name": named["name"]
                }
                yield Finding(Severity.WARNING, "destination-deleted", words)


def _conditions(checked: Checked, before: Sequence[Checked]) -> Iterator[Finding]:
    if checked.conditions is None:
        words = _("Its conditions cannot be read: open the rule and save it again.")
        yield Finding(Severity.ERROR, "conditions-invalid", words)
        return
    why = contradiction(checked.conditions, checked.rule.scope)
    if why:
        yield Finding(Severity.WARNING, "never-matches", _("It can never match: %(why)s.") % {"why": why})
    earlier = {each.rule.name.casefold() for each in before if each.rule.is_enabled}
    for comparison in comparisons_of(checked.conditions):
        attribute = comparison.attribute
        if _is_unknown(attribute):
            words = _("(%(attribute)s,%(element)s) is no attribute of the standard; devices hardly send it.") % {
                "attribute": attribute[:4],
                "element": attribute[4:],
            }
            yield Finding(Severity.WARNING, "attribute-unknown", words)
        is_equal = attribute == MATCHED_RULES and comparison.operator == "equals"
        if is_equal and str(comparison.value).casefold() not in earlier:
            words = _("It asks whether %(value)s matched: no rule before it has that name and is on.") % {
                "value": comparison.value
            }
            yield Finding(Severity.WARNING, "asks-no-earlier-rule", words)


def _actions(checked: Checked) -> Iterator[Finding]:
    try:
        Rule._meta.get_field("actions").run_validators(checked.rule.actions)
    except ValidationError as error:
        yield Finding(
            Severity.ERROR,
            "actions-invalid",
            _("Its actions cannot be used: %(messages)s") % {"messages": " ".join(error.messages)},
        )


def _loops(checked: Checked) -> Iterator[Finding]:
    for destination in checked.destinations:
        if is_own_listener(destination):
            words = _("%(name)s is this gateway itself: what it is sent would come in again. Choose another.") % {
                "name": destination.name
            }
            yield Finding(Severity.ERROR, "sends-to-itself", words, destination=destination)
    titles = {own_calling_ae_title(destination) for destination in checked.destinations}
    for comparison in comparisons_of(checked.conditions or ()):
        if comparison.attribute == "CallingAETitle" and comparison.operator in {"equals", "in"}:
            values = [comparison.value] if isinstance(comparison.value, str) else comparison.value
            for title in sorted(titles & set(values)):
                words = _(
                    "It matches what is sent as %(title)s, and sends as %(title)s: if the instance comes "
                    "back here by another node, it goes round."
                ) % {"title": title}
                yield Finding(Severity.WARNING, "matches-what-it-sends", words)


def _others(checked: Checked, before: Sequence[Checked]) -> Iterator[Finding]:
    """What the rules before leave to this one."""
    if checked.conditions is None:
        return
    for other in before:
        if other.conditions is None:
            continue
        is_for_all = other.rule.scope == RuleScope.INSTANCE
        if other.acts and other.discards and is_for_all and _takes_all_of(other, checked):
            words = _("%(name)s comes before and discards all that this rule could match.") % {"name": other.rule.name}
            yield Finding(Severity.WARNING, "discarded-before", words)
        if _effects(other) == _effects(checked):
            words = _("%(name)s says the same: one of the two is enough.") % {"name": other.rule.name}
            yield Finding(Severity.WARNING, "same-rule-twice", words)


def _takes_all_of(wider: Checked, narrower: Checked) -> bool:
    # A rule of a whole series or study takes instances that need not meet its conditions themselves.
    scope = narrower.rule.scope
    return scope == RuleScope.INSTANCE and is_implied(wider.conditions or (), narrower.conditions or (), scope)


def _effects(checked: Checked) -> tuple[object, ...]:
    return (
        checked.rule.scope,
        checked.rule.mode,
        frozenset(map(str, checked.conditions or ())),
        frozenset(checked.destinations),
        frozenset(checked.ai_pools),
        str(checked.rule.actions),
    )


def _unused(rules: Sequence[Checked]) -> Iterator[Finding]:
    used: dict[int, bool] = defaultdict(bool)
    for checked in rules:
        for destination in checked.destinations:
            used[destination.pk] |= checked.rule.is_enabled
    results = set(AIPool.result_destinations.through.objects.values_list("destination_id", flat=True))
    for destination in Destination.objects.filter(is_enabled=True):
        if not used[destination.pk] and destination.pk not in results:
            words = _("No rule that is on sends to %(name)s.") % {"name": destination.name}
            yield Finding(Severity.WARNING, "destination-unused", words, destination=destination)


def _is_unknown(attribute: str) -> bool:
    """Whether it is a tag of the standard's groups that the dictionary does not have; odd groups are private."""
    try:
        tag = int(attribute, 16)
    except ValueError:
        return False
    return len(attribute) == 8 and not (tag >> 16) % 2 and not keyword_for_tag(tag)
