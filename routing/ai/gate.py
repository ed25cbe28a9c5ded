"""The gate: what comes from an AI worker is believed only when it answers what the worker was asked.

An instance that comes in under a worker's AE title is never shown to the rules. It is noted to be judged, and judged by
the AI worker process, so that neither an odd file nor a slow name service holds up anybody's rules. What is accepted
goes to the pool's result destinations and nowhere else; all else is quarantined: stored, listed, sent nowhere.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from dicomnet.part10 import NotPart10
from routing.ai.correlate import Match, Senders, correlate, senders_of
from routing.ai.doubles import says_the_same
from routing.ai.evidence import Evidence, read_evidence
from routing.ai.hand_on import hand_on
from routing.ai.health import record_answer
from routing.ai.models import AIRequest, AIRequestState, AIResult, AIVerdict, AIWorker
from routing.ai.queue import asked_so_far
from routing.ai.requests import tell_due
from routing.events import result_judged
from studies.errors import MalformedDataSet
from studies.models import LO_LENGTH, Instance
from studies.storage import hot_storage

logger = logging.getLogger(__name__)
BATCH = 100
LIKE_IT = 5  # earlier results that a new one is compared with
BELIEVED = (AIVerdict.ACCEPTED, AIVerdict.LATE)
HANDED_ON = (*BELIEVED, AIVerdict.RELEASED)


@dataclass(frozen=True)
class Judgement:
    """What the gate says of one result."""

    verdict: AIVerdict
    match: Match
    reason: str = ""


def judge_arrivals(instances: list[Instance]) -> set[int]:
    """Keys of the instances among these that the rules must not see, because an AI worker sent them.

    Each is noted to be judged; that happens once, however often this is asked.
    """
    pks = [instance.pk for instance in instances]
    held = set(AIResult.objects.filter(instance__in=pks).values_list("instance_id", flat=True))
    titles = set(AIWorker.objects.values_list("ae_title", flat=True))
    if not titles:
        return held
    sent = Instance.objects.filter(pk__in=pks, calling_ae_title__in=titles).values_list("pk", flat=True)
    new = set(sent) - held
    if new:
        rows = [AIResult(instance_id=pk, verdict=AIVerdict.WAITING) for pk in sorted(new)]
        AIResult.objects.bulk_create(rows, ignore_conflicts=True)
        transaction.on_commit(tell_due)
    return held | new


def judge_waiting() -> int:
    """Judge every result that waits for it; returns how many were judged."""
    judged, after = 0, 0
    while True:
        waiting = AIResult.objects.filter(verdict=AIVerdict.WAITING, pk__gt=after)
        batch = list(waiting.select_related("instance__series__study").order_by("pk")[:BATCH])
        if not batch:
            return judged
        for result in batch:
            judged += judge(result)
        after = batch[-1].pk


def judge(result: AIResult) -> bool:
    """Judge one result and record it with all that follows; False when somebody else did meanwhile."""
    instance = result.instance
    senders = senders_of(instance)
    try:
        said = read_evidence(Path(hot_storage().path(instance.location)))
    except (OSError, NotPart10, MalformedDataSet) as error:
        # The words of an error may name a path or a value; its kind says enough here, and the log has the key.
        logger.warning("AI result not read", extra={"instance": instance.pk, "error": type(error).__name__})
        worker = next(iter(senders.near or senders.titled), None)
        said_nothing = Judgement(AIVerdict.QUARANTINED, Match(worker, None), "Its stored file cannot be read.")
        with transaction.atomic():
            return _record(result, said_nothing)
    suspects = _suspects(instance)
    with transaction.atomic():
        return _record(result, _judgement(instance, senders, said, suspects))


def _judgement(instance: Instance, senders: Senders, said: Evidence, suspects: list[AIResult]) -> Judgement:
    match = correlate(senders, instance, said)
    earlier = _same_uid(instance)
    if earlier is not None:
        return _taken_uid(earlier, match)
    if match.request is None or match.worker is None:
        return Judgement(AIVerdict.QUARANTINED, match, match.reason)
    reason = _against(instance, match.request, said)
    if reason:
        return Judgement(AIVerdict.QUARANTINED, match, reason)
    double = _double(match.request, match.worker, suspects)
    if double:
        return Judgement(AIVerdict.DUPLICATE, match, double)
    late = _late(instance, match.request, match.worker)
    return Judgement(AIVerdict.LATE if late else AIVerdict.ACCEPTED, match, late)


def _same_uid(instance: Instance) -> Instance | None:
    """The earlier instance under its SOP Instance UID; that with the same bytes is no new instance, and not here."""
    others = Instance.objects.filter(sop_instance_uid=instance.sop_instance_uid, pk__lt=instance.pk)
    return others.select_related("ai_result").order_by("pk").first()


def _taken_uid(earlier: Instance, match: Match) -> Judgement:
    first = getattr(earlier, "ai_result", None)
    if first is not None and match.request is not None and first.request_id == match.request.pk:
        return Judgement(AIVerdict.DUPLICATE, match, "The same SOP Instance UID came again with other content.")
    return Judgement(AIVerdict.QUARANTINED, match, "Its SOP Instance UID is that of an instance that was here before.")


def _against(instance: Instance, request: AIRequest, said: Evidence) -> str:
    """Why this instance is no answer to this request; empty when nothing speaks against it."""
    study = instance.series.study
    if said.patient_id[:LO_LENGTH] != study.patient_id:
        return "It names another patient than the study."
    issuers = {said.issuer_of_patient_id[:LO_LENGTH], study.issuer_of_patient_id} - {""}
    if len(issuers) > 1:
        return "The Issuer of its Patient ID is another than that of the study."
    allowed = request.pool.result_sop_classes
    if allowed and instance.sop_class_uid not in allowed:
        return f"The pool does not allow results of SOP Class {instance.sop_class_uid}."
    if request.state == AIRequestState.CANCELLED:
        return "The request was cancelled."
    return ""


def _suspects(instance: Instance) -> list[AIResult]:
    """Earlier results of its study that say the same as it does; files are read, so not in a transaction."""
    alike = AIResult.objects.filter(
        verdict__in=HANDED_ON,
        instance__series__study=instance.series.study_id,
        instance__sop_class_uid=instance.sop_class_uid,
        instance__instance_number=instance.instance_number,
        instance__calling_ae_title=instance.calling_ae_title,
        instance__pk__lt=instance.pk,
    )
    latest = alike.select_related("instance").order_by("-pk")[:LIKE_IT]
    return [result for result in latest if says_the_same(result.instance, instance)]


def _double(request: AIRequest, worker: AIWorker, suspects: list[AIResult]) -> str:
    """Why the request has this answer already; empty when it has not."""
    others = request.results.filter(verdict__in=HANDED_ON).exclude(worker=worker)
    if others.exists():
        return "Another worker has answered this request already."
    if any(result.request_id == request.pk for result in suspects):
        return "The worker sent the same result before, under another SOP Instance UID."
    return ""


def _late(instance: Instance, request: AIRequest, worker: AIWorker) -> str:
    """In which way the answer is late; empty when it is in time."""
    if request.worker_id != worker.pk or request.state in {AIRequestState.QUEUED, AIRequestState.FAILED}:
        return "It came after the request had been given to another worker, or had failed."
    if request.deadline_at is not None and instance.received_at > request.deadline_at:
        return "It came after the worker's time was over."
    return ""


def _record(result: AIResult, judgement: Judgement) -> bool:
    """Write the verdict once, and what follows from it."""
    match, verdict = judgement.match, judgement.verdict
    is_ours = AIResult.objects.filter(pk=result.pk, verdict=AIVerdict.WAITING).update(
        verdict=verdict, worker=match.worker, request=match.request, reason=judgement.reason[:300]
    )
    if not is_ours:
        return False
    result_judged.send(AIResult, pk=result.pk)
    log = logger.warning if verdict == AIVerdict.QUARANTINED else logger.info
    log("AI result judged", extra={"result": result.pk, "verdict": verdict.value, "reason": judgement.reason})
    if verdict in BELIEVED and match.request is not None and match.worker is not None:
        _answer(match.request, match.worker, result.instance)
        hand_on(result.instance, match.request)
    return True


def _answer(request: AIRequest, worker: AIWorker, instance: Instance) -> None:
    if request.state != AIRequestState.ANSWERED:
        # Whoever sends it to another worker right now finds its lease gone; that one was asked all the same.
        AIRequest.objects.filter(pk=request.pk).update(
            state=AIRequestState.ANSWERED,
            worker=worker,
            tried=asked_so_far(request),
            answered_at=instance.received_at,
            lease_token="",
            lease_until=None,
            last_error="",
        )
    record_answer(worker.pk)
