"""Decisions as rows: deliveries, requests to AI pools, labels, discards and matches in shadow."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from routing.ai.requests import request
from routing.decide import Outcome, plan_actions
from routing.models import AIPool, Discard, RuleVersion, ShadowMatch
from routing.queue import add_deliveries, tell_due
from studies.labels import give_labels

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

    def add(self, outcome: Outcome, *, study_pk: int, instance_pks: Collection[int]) -> None:
        """Take up what rules decided on instances of one study."""
        for destination_pk, version in outcome.destinations.items():
            pairs = ((pk, destination_pk) for pk in instance_pks)
            self._deliveries[version] += [pair for pair in pairs if pair not in self._delivered]
        self._add_requests(outcome, study_pk, instance_pks)
        for active in outcome.acting:
            for label in plan_actions(active.rule).labels:
                self._labels.setdefault((study_pk, label), active.rule.name)
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
        tell_due({destination_pk for pairs in self._deliveries.values() for _, destination_pk in pairs})
