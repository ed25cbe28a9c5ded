"""Proof requests as a queue: claimed with a lease, asked, put off, given up; the rows are the only truth."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from routing.models import Delivery, DeliveryState, Destination, ProofRequest
from routing.proof.models import ProofState

LEASE = timedelta(minutes=5)
FIRST_BACK_OFF, LONGEST_BACK_OFF = timedelta(minutes=1), timedelta(hours=1)
REPORT_WITHIN = timedelta(hours=24)  # how long a destination may take to report on storage commitment
MAXIMUM_UNANSWERED = 3  # requests without a report, one after the other
MAXIMUM_REFUSALS = 10  # answers that say nothing, one after the other
ERROR_LENGTH = 300
STEP = 500

_FREE = {"lease_token": "", "lease_until": None}


def waiting_destinations() -> list[int]:
    """Enabled destinations that have something to be asked and that nobody asks."""
    now = timezone.now()
    own = ProofRequest.objects.filter(destination=OuterRef("pk"), state=ProofState.DUE)
    return list(
        Destination.objects.filter(
            Exists(own.filter(due_at__lte=now)), ~Exists(own.exclude(_is_free(now))), is_enabled=True
        ).values_list("pk", flat=True)
    )


def claim(destination: Destination, *, limit: int) -> list[ProofRequest]:
    """Take what is to be asked of one destination now, the oldest first; the lease's token is in each."""
    now, token = timezone.now(), secrets.token_hex(16)
    due = ProofRequest.objects.filter(_is_free(now), destination=destination, state=ProofState.DUE, due_at__lte=now)
    pks = list(due.order_by("due_at", "pk").values_list("pk", flat=True)[:limit])
    due.filter(pk__in=pks).update(lease_token=token, lease_until=now + LEASE, attempts=F("attempts") + 1)
    return list(ProofRequest.objects.filter(lease_token=token).select_related("study").order_by("pk"))


@transaction.atomic
def begin(request: ProofRequest, *, transaction_uid: str = "") -> list[Delivery]:
    """Note of which deliveries the destination is asked now, before it is: a report may be quicker than its request.

    Returns:
        What it said it took and has not proven yet; empty when nothing is left to ask, and the request with it.
    """
    now = timezone.now()
    held = ProofRequest.objects.filter(pk=request.pk, lease_token=request.lease_token, state=ProofState.DUE)
    unproven = Delivery.objects.filter(
        destination_id=request.destination_id,
        instance__series__study_id=request.study_id,
        state=DeliveryState.DELIVERED,
        delivered_at__lte=now,
    )
    deliveries = list(unproven.select_related("instance__series__study", "rule_version").order_by("pk"))
    if not deliveries:
        held.delete()
        return []
    if not held.update(
        asked_at=now, transaction_uid=transaction_uid, expected=len(deliveries), lease_until=now + LEASE
    ):
        return []
    for start in range(0, len(deliveries), STEP):
        pks = [delivery.pk for delivery in deliveries[start : start + STEP]]
        Delivery.objects.filter(pk__in=pks, state=DeliveryState.DELIVERED).update(proof_checked_at=now)
    request.asked_at, request.transaction_uid, request.expected = now, transaction_uid, len(deliveries)
    return deliveries


def wait_for_report(request: ProofRequest) -> None:
    """The destination took the request; unless it has reported already, it has a day to do so."""
    held = ProofRequest.objects.filter(pk=request.pk, lease_token=request.lease_token, state=ProofState.DUE)
    due_at = timezone.now() + REPORT_WITHIN
    held.update(state=ProofState.ASKED, due_at=due_at, last_error="", **_FREE)


def put_off(request: ProofRequest, error: str) -> None:
    """It answered nothing that says anything: asked again later, and given up at last."""
    if request.attempts >= MAXIMUM_REFUSALS:
        give_up(request, error)
        return
    held = ProofRequest.objects.filter(pk=request.pk, lease_token=request.lease_token, state=ProofState.DUE)
    held.update(due_at=timezone.now() + back_off(request.attempts), last_error=error[:ERROR_LENGTH], **_FREE)


def put_all_off(destination: Destination, token: str, error: str) -> None:
    """It could not be reached: all that it is to be asked waits, however long that takes."""
    held = ProofRequest.objects.filter(lease_token=token, state=ProofState.DUE)
    attempts = held.order_by("-attempts").values_list("attempts", flat=True).first() or 1
    due_at = timezone.now() + back_off(attempts)
    # Without a limit of attempts: that it is away says nothing of what it keeps.
    held.update(due_at=due_at, last_error=error[:ERROR_LENGTH], **_FREE)
    now = timezone.now()
    others = ProofRequest.objects.filter(_is_free(now), destination=destination, state=ProofState.DUE)
    others.filter(due_at__lt=due_at).update(due_at=due_at, last_error=error[:ERROR_LENGTH])


def give_up(request: ProofRequest, error: str) -> None:
    """Nothing can be asked; the deliveries stay what they are, delivered and not proven."""
    held = ProofRequest.objects.filter(pk=request.pk, lease_token=request.lease_token, state=ProofState.DUE)
    held.update(state=ProofState.FAILED, last_error=error[:ERROR_LENGTH], **_FREE)
    Delivery.objects.filter(
        destination_id=request.destination_id,
        instance__series__study_id=request.study_id,
        state=DeliveryState.DELIVERED,
    ).update(proof_checked_at=timezone.now())


def ask_anew_what_was_not_answered() -> int:
    """No report came in time: asked again some times, then it stands as failed; returns how many there were."""
    late = list(_overdue().select_related("destination")[:STEP])
    return sum(_ask_anew(request) for request in late)


def pull_in_far_requests() -> None:
    """Nothing is further away than it can be: the clock may have jumped when it was set."""
    now = timezone.now()
    due = ProofRequest.objects.filter(state=ProofState.DUE, due_at__gt=now + LONGEST_BACK_OFF)
    due.update(due_at=now + LONGEST_BACK_OFF)
    asked = ProofRequest.objects.filter(state=ProofState.ASKED, due_at__gt=now + REPORT_WITHIN)
    asked.update(due_at=now + REPORT_WITHIN)


def back_off(attempts: int) -> timedelta:
    """Doubling from a minute to an hour."""
    doubled = FIRST_BACK_OFF * (1 << min(max(attempts - 1, 0), 16))
    return min(doubled, LONGEST_BACK_OFF)


def _overdue() -> QuerySet[ProofRequest]:
    return ProofRequest.objects.filter(state=ProofState.ASKED, due_at__lte=timezone.now())


@transaction.atomic
def _ask_anew(request: ProofRequest) -> bool:
    title = request.destination.ae_title
    error = f"{title} took the request and reported nothing: may it call this gateway? See the allowlist."
    if not _overdue().filter(pk=request.pk).update(state=ProofState.FAILED, last_error=error[:ERROR_LENGTH]):
        return False
    of_study = ProofRequest.objects.filter(destination=request.destination_id, study=request.study_id)
    answered = of_study.exclude(answered_at=None).order_by("-pk").values_list("pk", flat=True).first() or 0
    unanswered = of_study.filter(pk__gt=answered, state=ProofState.FAILED).exclude(transaction_uid="")
    if unanswered.count() < MAXIMUM_UNANSWERED:
        # A request of its own: when the late report comes after all, its Transaction UID is still known.
        ProofRequest.objects.create(destination=request.destination, study_id=request.study_id, kind=request.kind)
    return True


def _is_free(now: datetime) -> Q:
    # A lease is never longer than its length: if it seems so, the clock was set back.
    return Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + 2 * LEASE)
