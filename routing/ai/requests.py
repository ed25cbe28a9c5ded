"""Ask a pool for its opinion on a study's instances: one request for each study, rule version and pool."""

from collections.abc import Iterable

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
    pool: AIPool, *, version: RuleVersion, study_pk: int, instance_pks: Iterable[int], priority: int
) -> AIRequest | None:
    """Ask a pool about instances, in the caller's transaction; those that it was asked about already are left out.

    Instances join the request of their study that still waits for a worker. What comes after it was sent makes
    another one. What an AI worker made is never sent to one.

    Returns:
        The request that they are in; None when nothing of it was new.
    """
    # Planners of several hosts take turns here, so that two do not ask the same; a claim takes its turn too, so that
    # nothing joins a request that is being sent. A key that others point to may be locked without them (PostgreSQL).
    AIPool.objects.select_for_update(no_key=True).get(pk=pool.pk)
    fresh = _fresh(pool, version, study_pk, set(instance_pks))
    if not fresh:
        return None
    of_study = AIRequest.objects.filter(pool=pool, rule_version=version, study_id=study_pk)
    found = of_study.filter(state=AIRequestState.QUEUED, attempts=0).order_by("pk").first()
    if found is None:
        found = AIRequest.objects.create(pool=pool, rule_version=version, study_id=study_pk, priority=priority)
    found.instances.add(*sorted(fresh))
    transaction.on_commit(tell_due)
    return found


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


def _fresh(pool: AIPool, version: RuleVersion, study_pk: int, instance_pks: set[int]) -> set[int]:
    asked = AIRequest.instances.through.objects.filter(
        airequest__pool=pool, airequest__rule_version=version, airequest__study=study_pk, instance__in=instance_pks
    )
    results = AIResult.objects.filter(instance__in=instance_pks)
    return (
        instance_pks
        - set(asked.values_list("instance_id", flat=True))
        - set(results.values_list("instance_id", flat=True))
    )
