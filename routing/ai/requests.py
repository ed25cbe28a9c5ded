"""Requests to pools: written with the deliveries of the same decision."""

from collections.abc import Iterable

from routing.models import AIPool, AIRequest, RuleVersion


def request(
    pool: AIPool, *, version: RuleVersion, study_pk: int, instance_pks: Iterable[int], priority: int
) -> AIRequest:
    """Ask a pool to compute on these instances of a study; within the caller's transaction."""
    asked = AIRequest.objects.create(pool=pool, rule_version=version, study_id=study_pk, priority=priority)
    asked.instances.add(*instance_pks)
    return asked
