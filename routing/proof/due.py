"""Which studies are to be proven: their deliveries to a destination are done, and its time has passed."""

from datetime import timedelta

from django.db.models import Exists, F, Max, OuterRef, Q
from django.utils import timezone

from routing.models import Delivery, DeliveryState, Destination, DestinationKind, ProofKind, ProofRequest
from routing.proof.models import ProofState

OPEN = (ProofState.DUE, ProofState.ASKED)
# What was delivered longer ago is not asked about any more: by then a destination may have a reason to have let it go.
LOOK_BACK = timedelta(days=7)
STUDIES_AT_ONCE = 500


def plan_requests() -> int:
    """Make a request for each study that is to be proven and has none; returns how many."""
    to_be_proven = Destination.objects.filter(is_enabled=True).exclude(proof=ProofKind.NONE)
    return sum(_plan(destination) for destination in to_be_proven)


def how_to_prove(destination: Destination) -> ProofKind:
    """As its settings say; storage commitment is a service of DICOM, others are asked what they have."""
    if destination.proof == ProofKind.COMMITMENT and destination.kind != DestinationKind.DICOM:
        return ProofKind.QUERY
    return ProofKind(destination.proof)


def _plan(destination: Destination) -> int:
    studies = _studies(destination)
    requests = [
        ProofRequest(destination=destination, study_id=study_pk, kind=how_to_prove(destination)) for study_pk in studies
    ]
    # Another process may do the same: one open request for each study is all that the table takes.
    ProofRequest.objects.bulk_create(requests, ignore_conflicts=True)
    return len(requests)


def _studies(destination: Destination) -> list[int]:
    now = timezone.now()
    study = OuterRef("instance__series__study")
    to_it = Delivery.objects.filter(destination=destination).order_by()
    under_way = to_it.filter(instance__series__study=study, state__in=[DeliveryState.PENDING, DeliveryState.SENDING])
    asked = ProofRequest.objects.filter(destination=destination, study=study, state__in=OPEN)
    found = (
        to_it.filter(
            Q(proof_checked_at=None) | Q(proof_checked_at__lt=F("delivered_at")),
            ~Exists(under_way),
            ~Exists(asked),
            state=DeliveryState.DELIVERED,
            delivered_at__gt=now - LOOK_BACK,
        )
        .values("instance__series__study")
        .annotate(last=Max("delivered_at"))
        .filter(last__lte=now - timedelta(minutes=destination.proof_after_minutes))
    )
    return [int(row["instance__series__study"]) for row in found[:STUDIES_AT_ONCE]]
