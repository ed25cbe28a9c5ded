"""Decisions as rows: deliveries, requests to AI pools, labels, tiers, discards and matches in shadow."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from routing.ai.requests import request
from routing.decide import Outcome, plan_actions
from routing.events import priors_wanted, tier_wanted
from routing.models import AIPool, Discard, RuleVersion, ShadowMatch
from routing.queue import add_deliveries, tell_due
from studies.labels import give_labels
from studies.models import Study

Pair = tuple[int, int]
REASON_LENGTH = 200  # of Discard.reason


class Record:
    """What decisions come to, gathered, and written by ``write`` in the caller's transaction.

    Args:
        delivered: (instance, destination) that the ledger has already.
        requested: (instance, AI pool) that were asked for already.
    """

    def __init__(self, delivered: Collection[Pair] = (), requested: Collection[Pair] = ()) -> None:
        self._delivered, self._requested = delivered, requested
        self._deliveries: dict[RuleVersion, list[Pair]] = defaultdict(list)
        self._requests: dict[tuple[RuleVersion, AIPool], dict[int, list[int]]] = {}
        self._discards: list[Discard] = []
        self._shadow_matches: list[ShadowMatch] = []
        self._labels: dict[tuple[int, str], str] = {}
        self._tiers: dict[int, tuple[str, str]] = {}
        self._priors: dict[int, tuple[int, str]] = {}

    def add(self, outcome: Outcome, *, study_pk: int, instance_pks: Collection[int]) -> None:
        """Take up what rules decided on instances of one study."""
        for destination_pk, version in outcome.destinations.items():
            pairs = ((pk, destination_pk) for pk in instance_pks)
            self._deliveries[version] += [pair for pair in pairs if pair not in self._delivered]
        self._add_requests(outcome, study_pk, instance_pks)
        for active in outcome.acting:
            actions = plan_actions(active.rule)
            for label in actions.labels:
                self._labels.setdefault((study_pk, label), active.rule.name)
            if actions.tier:
                self._tiers.setdefault(study_pk, (actions.tier, active.rule.name))
            if actions.priors:
                self._priors.setdefault(study_pk, (actions.priors, active.rule.name))
        self._shadow_matches += [
            ShadowMatch(instance_id=pk, rule_version=active.version) for active in outcome.shadow for pk in instance_pks
        ]
        if outcome.discarding:
            version, reason = outcome.discarding.version, plan_actions(outcome.discarding.rule).discard or ""
            self._discards += [
                Discard(instance_id=pk, rule_version=version, reason=reason[:REASON_LENGTH]) for pk in instance_pks
            ]

    def _add_requests(self, outcome: Outcome, study_pk: int, instance_pks: Iterable[int]) -> None:
        for pool_pk, active in outcome.ai_pools.items():
            new = [pk for pk in instance_pks if (pk, pool_pk) not in self._requested]
            if new:
                pool = next(pool for pool in active.ai_pools if pool.pk == pool_pk)
                self._requests.setdefault((active.version, pool), {}).setdefault(study_pk, []).extend(new)

    def write(self) -> None:
        """Write what is not there yet, and wake the lanes once the transaction stands."""
        for version, pairs in self._deliveries.items():
            add_deliveries(version, pairs)
        ShadowMatch.objects.bulk_create(self._shadow_matches, ignore_conflicts=True, batch_size=500)
        Discard.objects.bulk_create(self._discards, ignore_conflicts=True, batch_size=500)
        # In the order of the studies, as the index locks them.
        give_labels((study_pk, label, rule) for (study_pk, label), rule in self._labels.items())
        # In one order everywhere, for the pool's row is locked by the first of them.
        for version, pool in sorted(self._requests, key=lambda asked: (asked[1].pk, asked[0].pk)):
            instances_of = self._requests[version, pool]
            request(pool, version=version, instances_of=instances_of, priority=version.definition["priority"])
        for study_pk, (tier, rule) in self._tiers.items():
            tier_wanted.send(Study, study_pk=study_pk, tier=tier, rule=rule)
        for study_pk, (count, rule) in self._priors.items():
            priors_wanted.send(Study, study_pk=study_pk, count=count, rule=rule)
        tell_due({destination_pk for pairs in self._deliveries.values() for _, destination_pk in pairs})
