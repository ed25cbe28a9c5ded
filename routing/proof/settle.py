"""What becomes of deliveries once their destination has said what it keeps: confirmed, or sent again."""

import logging
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from routing.events import deliveries_died
from routing.models import Attempt, Delivery, DeliveryState, ProofRequest
from routing.proof.models import ProofState
from routing.proof.sent import Sent, by_instance
from routing.queue import tell_due

logger = logging.getLogger(__name__)
MAXIMUM_ROUNDS = 5  # of gaps in one study, one after the other
STEP = 500


def settle(request: ProofRequest, *, kept: Iterable[str], failed: Mapping[str, str]) -> bool:
    """Confirm what the destination keeps, and have the rest of what it was asked for sent again.

    Only what was asked for by this request, or by a later one, and not delivered anew since is touched.

    Args:
        request: as it was asked.
        kept: SOP Instance UIDs, as they were sent.
        failed: why it does not keep it, in words, by SOP Instance UID; what neither names is missing.

    Returns:
        False when it was answered before, or somebody else has asked anew.
    """
    if request.asked_at is None:
        return False
    # Before any row is locked: a rule that changes instances has copies made for this.
    sent = by_instance(_asked(request))
    return _settle(request, sent, frozenset(kept), failed)


@transaction.atomic
def _settle(
    request: ProofRequest, sent: Mapping[Sent, list[Delivery]], kept: frozenset[str], failed: Mapping[str, str]
) -> bool:
    current = ProofRequest.objects.select_for_update().get(pk=request.pk)
    if current.answered_at is not None or current.asked_at != request.asked_at:
        return False
    still_asked = set(_asked(request).values_list("pk", flat=True))
    confirmed, missing = _told_apart(sent, kept, failed)
    confirmed = [delivery for delivery in confirmed if delivery.pk in still_asked]
    missing = [(delivery, words) for delivery, words in missing if delivery.pk in still_asked]
    _confirm(current, confirmed)
    is_last = bool(missing) and _rounds(current) + 1 >= MAXIMUM_ROUNDS
    _send_again(current, missing, gives_up=is_last)
    current.state = ProofState.PROVEN if not missing else ProofState.FAILED if is_last else ProofState.GAPS
    current.answered_at = timezone.now()
    current.expected = len(confirmed) + len(missing)
    current.proven, current.missing = len(confirmed), len(missing)
    current.lease_token, current.lease_until = "", None
    current.last_error = f"It lacked instances {MAXIMUM_ROUNDS} times one after the other." if is_last else ""
    current.save()
    logger.info(
        "proof of delivery",
        extra={"request": current.pk, "destination": current.destination_id, "kind": current.kind,
               "proven": len(confirmed), "missing": len(missing)},
    )  # fmt: skip
    return True


def _asked(request: ProofRequest) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        destination_id=request.destination_id,
        instance__series__study_id=request.study_id,
        state=DeliveryState.DELIVERED,
        proof_checked_at__gte=request.asked_at,
        delivered_at__lte=request.asked_at,
    ).select_related("instance__series__study", "rule_version")


def _told_apart(
    asked: Mapping[Sent, list[Delivery]], kept: frozenset[str], failed: Mapping[str, str]
) -> tuple[list[Delivery], list[tuple[Delivery, str]]]:
    confirmed: list[Delivery] = []
    missing: list[tuple[Delivery, str]] = []
    for sent, deliveries in asked.items():
        words = failed.get(sent.sop_instance_uid, "")
        if sent.sop_instance_uid in kept and not words:
            confirmed += deliveries
        else:
            missing += [(delivery, words or "it is not among what the destination has") for delivery in deliveries]
    return confirmed, missing


def _confirm(request: ProofRequest, deliveries: list[Delivery]) -> None:
    for start in range(0, len(deliveries), STEP):
        pks = [delivery.pk for delivery in deliveries[start : start + STEP]]
        # The moment names the request that proved it, for the receipt.
        Delivery.objects.filter(pk__in=pks, state=DeliveryState.DELIVERED).update(
            state=DeliveryState.CONFIRMED, proof_checked_at=request.asked_at
        )


def _send_again(request: ProofRequest, missing: list[tuple[Delivery, str]], *, gives_up: bool) -> None:
    now = timezone.now()
    by_words: dict[str, list[int]] = {}
    for delivery, words in missing:
        by_words.setdefault(words, []).append(delivery.pk)
    for words, pks in by_words.items():
        end = "Given up after several times." if gives_up else "It is sent again."
        error = f"Taken, but not kept: {words}. {end}"[:300]
        for start in range(0, len(pks), STEP):
            some = pks[start : start + STEP]
            Attempt.objects.bulk_create(Attempt(delivery_id=pk, at=now, error=error) for pk in some)
            changed = Delivery.objects.filter(pk__in=some, state=DeliveryState.DELIVERED).update(
                state=DeliveryState.DEAD if gives_up else DeliveryState.PENDING,
                attempts=0,
                lost_leases=0,
                queued_at=now,
                next_attempt_at=now,
                delivered_at=None,
                last_error=error,
                proof_checked_at=None,
            )
            if changed and gives_up:
                deliveries_died.send(Delivery, pks=some)
    if missing and not gives_up:
        tell_due([request.destination_id])


def _rounds(request: ProofRequest) -> int:
    """How many answers with gaps there were since all was proven last."""
    of_study = ProofRequest.objects.filter(destination=request.destination_id, study=request.study_id)
    proven = of_study.filter(state=ProofState.PROVEN).order_by("-pk").values_list("pk", flat=True).first() or 0
    return of_study.filter(state=ProofState.GAPS, pk__gt=proven).count()
