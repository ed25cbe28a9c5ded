"""Ask a pool for its opinion on instances: one request for each study, rule version and pool."""

from collections.abc import Collection, Mapping

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from routing.ai.models import AIPool, AIRequest, AIRequestState, AIResult
from routing.events import ai_work_due
from routing.models import RuleVersion

STATES_TO_RETRY = (AIRequestState.FAILED, AIRequestState.CANCELLED, AIRequestState.QUEUED)
STATES_TO_CANCEL = (AIRequestState.QUEUED, AIRequestState.ASKED, AIRequestState.FAILED)


@transaction.atomic
def request(
    pool: AIPool, *, version: RuleVersion, instances_of: Mapping[int, Collection[int]], priority: int
) -> list[AIRequest]:
    """Ask a pool about instances, in the caller's transaction; those that it was asked about already are left out.

    Instances join the request of their study that still waits for a worker. What comes after it was sent makes
    another one. What an AI worker made is never sent to one.

    Args:
        instances_of: keys of instances by the key of their study.

    Returns:
        The requests that they are in, in the order of the studies; none for a study of which nothing was new.
    """
    # Planners of several hosts take turns here, so that two do not ask the same; a claim takes its turn too, so that
    # nothing joins a request that is being sent. A key that others point to may be locked without them (PostgreSQL).
    AIPool.objects.select_for_update(no_key=True).get(pk=pool.pk)
    fresh_of = _fresh(pool, version, instances_of)
    if not fresh_of:
        return []
    of_studies = AIRequest.objects.filter(pool=pool, rule_version=version, study__in=fresh_of)
    waiting = of_studies.filter(state=AIRequestState.QUEUED, attempts=0).order_by("-pk")
    found = {each.study_id: each for each in waiting}  # the first one, where there are several
    missing = [
        AIRequest(pool=pool, rule_version=version, study_id=study_pk, priority=priority)
        for study_pk in fresh_of
        if study_pk not in found
    ]
    found |= {each.study_id: each for each in AIRequest.objects.bulk_create(missing, batch_size=500)}
    member = AIRequest.instances.through
    rows = [member(airequest_id=found[study_pk].pk, instance_id=pk) for study_pk, pks in fresh_of.items() for pk in pks]
    member.objects.bulk_create(rows, batch_size=500)
    transaction.on_commit(tell_due)
    return [found[study_pk] for study_pk in fresh_of]


def retry(requests: QuerySet[AIRequest]) -> int:
    """Have failed, cancelled or waiting requests sent at once; who was asked before is still remembered."""
    now = timezone.now()
    count = AIRequest.objects.filter(pk__in=requests.values("pk"), state__in=STATES_TO_RETRY).update(
        state=AIRequestState.QUEUED, attempts=0, next_attempt_at=now, deadline_at=None, last_error=""
    )
    if count:
        transaction.on_commit(tell_due)
    return count


def cancel(requests: QuerySet[AIRequest]) -> int:
    """Take requests back; a result that comes all the same is quarantined. One that is being sent is not touched."""
    return AIRequest.objects.filter(pk__in=requests.values("pk"), state__in=STATES_TO_CANCEL).update(
        state=AIRequestState.CANCELLED, deadline_at=None
    )


def tell_due() -> None:
    """Ring for the AI worker process."""
    ai_work_due.send(AIRequest)


def _fresh(pool: AIPool, version: RuleVersion, instances_of: Mapping[int, Collection[int]]) -> dict[int, list[int]]:
    """What of each study the pool was not asked about, and no AI worker made; no study without any."""
    pks = {pk for each in instances_of.values() for pk in each}
    asked = AIRequest.instances.through.objects.filter(
        airequest__pool=pool, airequest__rule_version=version, airequest__study__in=instances_of, instance__in=pks
    )
    results = AIResult.objects.filter(instance__in=pks)
    known = {*asked.values_list("instance_id", flat=True), *results.values_list("instance_id", flat=True)}
    fresh_of = {study_pk: sorted(set(instances_of[study_pk]) - known) for study_pk in sorted(instances_of)}
    return {study_pk: fresh for study_pk, fresh in fresh_of.items() if fresh}
