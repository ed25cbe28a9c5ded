"""Which request a result answers: by who sent it, the study, the instances that it refers to, and the time."""

from collections import defaultdict
from dataclasses import dataclass

from routing.ai.evidence import Evidence
from routing.ai.models import AIRequest, AIRequestState, AIResult, AIWorker
from routing.ai.queue import asked_so_far
from routing.ai.workers import may_call_from
from studies.models import Instance

HINT = "AI_RESULT"  # what nodes that refer to nothing write into Series Description (0008,103E)
OPEN = (AIRequestState.SENDING, AIRequestState.ASKED)
LOOK_AT = 50  # references, to find the study that they are of


@dataclass(frozen=True)
class Match:
    """The request and the worker that answered it; without a request, why there is none."""

    worker: AIWorker | None
    request: AIRequest | None
    reason: str = ""


@dataclass(frozen=True)
class Senders:
    """The workers whose AE title a result came from.

    Attributes:
        near: those whose host has the address that it came from.
    """

    titled: list[AIWorker]
    near: list[AIWorker]


def senders_of(instance: Instance) -> Senders:
    """Asks the name service, so not in a transaction."""
    titled = list(AIWorker.objects.filter(ae_title=instance.calling_ae_title).order_by("pk"))
    return Senders(titled, [worker for worker in titled if may_call_from(worker, instance.source_address)])


def correlate(senders: Senders, instance: Instance, said: Evidence) -> Match:
    """The request that this instance answers; the rows that may be it are locked until the transaction ends."""
    if not senders.titled:
        return Match(None, None, "No worker has this AE title any more.")
    if not senders.near:
        return Match(
            senders.titled[0], None, f"It came from {instance.source_address}, which is not the worker's host."
        )
    of_study = AIRequest.objects.filter(study=instance.series.study_id).select_for_update(of=("self",))
    asked = [
        (request, worker)
        for request in of_study.select_related("pool", "rule_version").order_by("pk")
        for worker in senders.near
        if worker.pk in asked_so_far(request)
    ]
    if not asked:
        return _unasked(senders.near, instance, said)
    matching = _by_references(asked, said) if said.references else asked
    if not matching:
        return Match(asked[-1][1], None, _why_no_reference(instance, said))
    if not said.references and said.series_description.strip() != HINT:
        words = f"It refers to none of the instances that were sent, and its Series Description is not {HINT}."
        return Match(asked[-1][1], None, words)
    request, worker = max(matching, key=_likelihood)
    return Match(worker, request)


def _by_references(asked: list[tuple[AIRequest, AIWorker]], said: Evidence) -> list[tuple[AIRequest, AIWorker]]:
    """Those whose instances the result refers to."""
    sources: dict[int, set[str]] = defaultdict(set)
    rows = AIRequest.instances.through.objects.filter(airequest__in={request.pk for request, _ in asked})
    for request_pk, uid in rows.values_list("airequest_id", "instance__sop_instance_uid"):
        sources[request_pk].add(uid)
    return [(request, worker) for request, worker in asked if sources[request.pk] & said.references]


def _likelihood(asked: tuple[AIRequest, AIWorker]) -> tuple[bool, bool, int]:
    """Rather one that is open at this very worker, then any that is at it, then the latest."""
    request, worker = asked
    is_current = request.worker_id == worker.pk
    return is_current and request.state in OPEN, is_current, request.pk


def _unasked(workers: list[AIWorker], instance: Instance, said: Evidence) -> Match:
    references = sorted(said.references)[:LOOK_AT]
    of_pools = AIRequest.objects.filter(pool__in={worker.pool_id for worker in workers})
    of_others = of_pools.exclude(study=instance.series.study_id)
    if of_others.filter(instances__sop_instance_uid__in=references).exists():
        return Match(workers[0], None, "It names another study than the instances that it refers to.")
    return Match(workers[0], None, "Nobody asked this worker about this study.")


def _why_no_reference(instance: Instance, said: Evidence) -> str:
    results = AIResult.objects.filter(instance__series__study=instance.series.study_id)
    if results.filter(instance__sop_instance_uid__in=sorted(said.references)[:LOOK_AT]).exists():
        return "It refers to results of AI workers, and to no instance that was sent."
    return "It refers to other instances than those that the worker was sent."
