"""The dry run: which rules match a file or a stored study, a draft among them, and why; nothing is stored or sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.db.models import Min
from django.utils.translation import gettext as _

from dicomnet.part10 import NotPart10
from routing.conditions import Condition, Facts, Verdict, judge, needed_attributes
from routing.decide import MATCHED_RULES, SCOPES, plan_actions
from routing.facts import FETCHED_FROM, Received, counts_of, facts_of_file, facts_of_instance, union_of
from routing.models import Destination, Rule, RuleMode, RuleScope
from routing.rules import ActiveRule, active_rules
from studies.errors import MalformedDataSet
from studies.models import Instance


class NothingToExplain(Exception):
    """What was given cannot be judged; the message says why, without paths."""


@dataclass(frozen=True)
class Judged:
    """A rule's verdict on one series, on a whole study, or on one file, which have no name here."""

    verdict: Verdict
    series_instance_uid: str = ""
    modality: str = ""
    series_description: str = ""


@dataclass(frozen=True)
class RuleVerdict:
    """Whether a rule matches, and why, for each of what it judged.

    Attributes:
        discarded_by: the rule before it that has all that it matches go nowhere; empty when there is none.
    """

    rule: Rule
    judged: tuple[Judged, ...]
    destinations: tuple[Destination, ...]
    is_draft: bool = False
    discarded_by: str = ""

    @property
    def matched(self) -> bool:
        """It matches at least one of them."""
        return any(judged.verdict.holds for judged in self.judged)

    @property
    def matched_count(self) -> int:
        """How many of them it matches."""
        return sum(judged.verdict.holds for judged in self.judged)

    @property
    def verdict(self) -> Verdict:
        """The verdict on the first that it matches, or on the first of all."""
        return next((judged.verdict for judged in self.judged if judged.verdict.holds), self.judged[0].verdict)


@dataclass(frozen=True)
class Candidate:
    """A rule that is asked: an active one, or a draft of one that need not be saved."""

    rule: Rule
    conditions: tuple[Condition, ...]
    destinations: tuple[Destination, ...]
    is_draft: bool = False


@dataclass(frozen=True)
class _Unit:
    """One file's facts, and the series that it stands for."""

    facts: Facts
    series_instance_uid: str = ""
    modality: str = ""
    series_description: str = ""


@dataclass
class _Before:
    """What the live rules before said of one unit: which matched, and which discards, by scope."""

    matched: list[Rule] = field(default_factory=list)
    discarding: dict[str, str] = field(default_factory=dict)

    def names(self, scope: str) -> list[str]:
        """Those that a rule of this scope may ask about: a rule that waits for more has not been asked before it."""
        return [rule.name for rule in self.matched if SCOPES.index(rule.scope) <= SCOPES.index(scope)]

    def note(self, rule: Rule) -> None:
        """Another one matches."""
        if rule.mode == RuleMode.LIVE:
            self.matched.append(rule)
            if plan_actions(rule).discard is not None:
                self.discarding.setdefault(rule.scope, rule.name)


def candidates(draft: Candidate | None = None) -> list[Candidate]:
    """The enabled rules in their order; a draft stands in the place of the rule that it changes."""
    found = [_candidate(active) for active in active_rules()]
    if draft is None:
        return found
    others = [each for each in found if draft.rule.pk is None or each.rule.pk != draft.rule.pk]
    # A new rule comes after those of the same order, as its key will.
    position = sum(each.rule.order <= draft.rule.order for each in others)
    return [*others[:position], draft, *others[position:]]


def explain_file(path: Path, draft: Candidate | None = None) -> list[RuleVerdict]:
    """Every enabled rule's verdict on one Part 10 file, and the draft's.

    Raises:
        NothingToExplain: the file is no DICOM file, or broken, or cannot be read.
    """
    rules = candidates(draft)
    return explain([_Unit(_read(lambda: facts_of_file(path, _needed(rules))))], rules)


def explain_study(study_instance_uid: str, draft: Candidate | None = None) -> list[RuleVerdict]:
    """Every enabled rule's verdict on a stored study: on one instance of each of its series.

    Raises:
        NothingToExplain: there is no such study, or an instance of it cannot be read.
    """
    firsts = Instance.objects.filter(series__study__study_instance_uid=study_instance_uid, is_primary=True)
    pks = firsts.order_by().values("series").annotate(first=Min("pk")).values("first")
    instances = list(Instance.objects.filter(pk__in=pks).select_related("series").order_by("series"))
    if not instances:
        raise NothingToExplain(_("No stored study has this UID. Copy it from the page of the study."))
    rules = candidates(draft)
    needed = _needed(rules)
    counts = counts_of([instance.series_id for instance in instances], needed)
    return explain([_unit(instance, needed, counts.get(instance.series_id)) for instance in instances], rules)


def explain(units: Sequence[_Unit], rules: Sequence[Candidate]) -> list[RuleVerdict]:
    """The rules in their order on the same units; each may ask which of those before it matched."""
    before = [_Before() for _ in units]
    found = []
    for rule in rules:
        scope = rule.rule.scope
        facts = [{**unit.facts, MATCHED_RULES: each.names(scope)} for unit, each in zip(units, before, strict=True)]
        judged = _judge(rule, units, facts)
        taken = [each for index, each in enumerate(before) if judged[min(index, len(judged) - 1)].verdict.holds]
        discarding = {each.discarding.get(scope, "") for each in taken} or {""}
        discarded_by = "" if "" in discarding else min(discarding)
        found.append(RuleVerdict(rule.rule, judged, rule.destinations, rule.is_draft, discarded_by))
        for each in taken:
            each.note(rule.rule)
    return found


def _judge(rule: Candidate, units: Sequence[_Unit], facts: Sequence[Facts]) -> tuple[Judged, ...]:
    if rule.rule.scope == RuleScope.STUDY:
        sent = [each for each in facts if not _source(each)]  # of what was fetched in part, rules see the other part
        return (Judged(_verdict(rule, union_of(sent or facts))),)
    return tuple(
        Judged(_verdict(rule, each), unit.series_instance_uid, unit.modality, unit.series_description)
        for unit, each in zip(units, facts, strict=True)
    )


def _verdict(rule: Candidate, facts: Facts) -> Verdict:
    """What the rule says; of what Gantry fetched, nothing, when it does not ask for that (routing.decide)."""
    source = _source(facts)
    if source and FETCHED_FROM not in needed_attributes(rule.conditions):
        return Verdict(
            False,
            _("Gantry fetched it from %(source)s: only rules that ask for %(attribute)s see it")
            % {"source": source, "attribute": FETCHED_FROM},
        )
    return judge(rule.conditions, facts)


def _source(facts: Facts) -> str:
    return next(filter(None, facts.get(FETCHED_FROM, ())), "")


def _needed(rules: Sequence[Candidate]) -> set[str]:
    return set[str]().union(*(needed_attributes(rule.conditions) for rule in rules)) - {MATCHED_RULES}


def _candidate(active: ActiveRule) -> Candidate:
    return Candidate(active.rule, active.conditions, active.destinations)


def _unit(instance: Instance, needed: set[str], received: Received | None) -> _Unit:
    facts = _read(lambda: facts_of_instance(instance, needed, received))
    series = instance.series
    return _Unit(facts, series.series_instance_uid, series.modality, series.series_description)


def _read(facts_of: Callable[[], Facts]) -> Facts:
    try:
        return facts_of()
    except (NotPart10, MalformedDataSet) as error:
        raise NothingToExplain(_("This is no DICOM file that can be read: %(error)s.") % {"error": error}) from error
    except OSError as error:
        raise NothingToExplain(_("The file cannot be read now; see the System page.")) from error
