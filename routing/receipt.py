"""A study's receipt: which destination got which instances, when, and how that is proven; read from rows alone."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from routing.models import Delivery, DeliveryState, ProofKind, ProofRequest
from studies.csv_lines import csv_lines
from studies.models import Study

COLUMNS = (
    "destination", "series_instance_uid", "sop_instance_uid", "sop_class_uid", "sha256", "size_bytes", "state",
    "delivered_at", "status", "attempts", "proven_by", "proven_at", "transaction_uid", "rule", "error",
)  # fmt: skip
DONE = frozenset({DeliveryState.DELIVERED, DeliveryState.CONFIRMED})
# Words for people: how a confirmed delivery was proven.
PROOFS = {
    ProofKind.COMMITMENT: gettext_noop("Storage Commitment"),
    ProofKind.QUERY: gettext_noop("a query for what it has"),
}


@dataclass(frozen=True)
class Line:
    """One instance at one destination.

    Attributes:
        sha256: of the data set as it was received.
        status: the destination's last answer in words; empty before the first.
        proven_by: ``commitment`` or ``query``; empty while it is not proven.
        transaction_uid: of the storage commitment that proved it.
        rule: which rule had it sent, in which version; else who had.
    """

    destination: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    sha256: str
    size_bytes: int
    state: str
    delivered_at: datetime | None
    status: str
    attempts: int
    proven_by: str
    proven_at: datetime | None
    transaction_uid: str
    rule: str
    error: str


@dataclass
class Part:
    """What one destination got.

    Attributes:
        questions: whether it keeps it, as it was asked, the oldest first.
    """

    name: str
    kind: str
    proof: str
    lines: list[Line] = field(default_factory=list)
    questions: list[ProofRequest] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Instances by state."""
        return dict(Counter(line.state for line in self.lines))

    @property
    def confirmed(self) -> int:
        """How many it has proven to keep."""
        return self.counts.get(DeliveryState.CONFIRMED, 0)

    @property
    def done(self) -> int:
        """How many it took, proven or not."""
        return sum(line.state in DONE for line in self.lines)

    @property
    def is_proven(self) -> bool:
        """It keeps all of them."""
        return self.confirmed == len(self.lines)

    @property
    def proofs(self) -> list[str]:
        """How it was proven, in words."""
        return [_(words) for kind, words in PROOFS.items() if any(line.proven_by == kind for line in self.lines)]

    @property
    def size_bytes(self) -> int:
        """Of what it took."""
        return sum(line.size_bytes for line in self.lines if line.state in DONE)

    @property
    def last_delivered_at(self) -> datetime | None:
        """When the last of it was taken."""
        return max((line.delivered_at for line in self.lines if line.delivered_at), default=None)

    @property
    def open_lines(self) -> list[Line]:
        """What it has not taken."""
        return [line for line in self.lines if line.state not in DONE]


@dataclass(frozen=True)
class Receipt:
    """All that is known of where a study went."""

    study: Study
    made_at: datetime
    gateway_ae_title: str
    parts: list[Part]

    def lines(self) -> Iterator[Line]:
        """Every line, destination after destination."""
        for part in self.parts:
            yield from part.lines


def receipt_of(study: Study) -> Receipt:
    """Read it, in two queries."""
    questions = list(ProofRequest.objects.filter(study=study).order_by("pk"))
    by_moment: dict[tuple[int, datetime | None], ProofRequest] = {
        (question.destination_id, question.asked_at): question for question in questions if question.asked_at
    }
    deliveries = Delivery.objects.filter(instance__series__study=study).select_related(
        "destination", "instance__series", "rule_version"
    )
    parts: dict[int, Part] = {}
    for delivery in deliveries.order_by("destination__name", "instance__series", "instance", "pk"):
        destination = delivery.destination
        part = parts.setdefault(
            destination.pk, Part(destination.name, destination.get_kind_display(), destination.get_proof_display())
        )
        # What proved a delivery bears the moment of its question.
        part.lines.append(_line(delivery, by_moment.get((destination.pk, delivery.proof_checked_at))))
    for question in questions:
        if question.destination_id in parts:
            parts[question.destination_id].questions.append(question)
    return Receipt(study, timezone.now(), settings.GANTRY.ae_title, list(parts.values()))


def as_csv(receipt: Receipt) -> str:
    """A line for each instance and destination (RFC 4180); no value is a formula."""
    return "".join(csv_lines(COLUMNS, ([getattr(line, column) for column in COLUMNS] for line in receipt.lines())))


def as_json(receipt: Receipt) -> dict[str, Any]:
    """In plain values."""
    return {
        "study_instance_uid": receipt.study.study_instance_uid,
        "made_at": receipt.made_at,
        "gateway_ae_title": receipt.gateway_ae_title,
        "destinations": [
            {
                "name": part.name,
                "proof": part.proof,
                "counts": part.counts,
                "is_proven": part.is_proven,
                "questions": [_question(question) for question in part.questions],
                "instances": [{column: getattr(line, column) for column in COLUMNS[1:]} for line in part.lines],
            }
            for part in receipt.parts
        ],
    }


def _line(delivery: Delivery, question: ProofRequest | None) -> Line:
    instance, version = delivery.instance, delivery.rule_version
    proof = question if delivery.state == DeliveryState.CONFIRMED else None
    return Line(
        destination=delivery.destination.name,
        series_instance_uid=instance.series.series_instance_uid,
        sop_instance_uid=instance.sop_instance_uid,
        sop_class_uid=instance.sop_class_uid,
        sha256=instance.sha256,
        size_bytes=instance.size_bytes,
        state=delivery.state,
        delivered_at=delivery.delivered_at,
        status=delivery.status_in_words,
        attempts=delivery.attempts,
        proven_by=proof.kind if proof else "",
        proven_at=proof.answered_at if proof else None,
        transaction_uid=proof.transaction_uid if proof else "",
        rule=str(version) if version else delivery.made_by,
        error=delivery.last_error,
    )


def _question(question: ProofRequest) -> dict[str, Any]:
    names = ("kind", "state", "asked_at", "answered_at", "expected", "proven", "missing", "transaction_uid")
    return {name: getattr(question, name) for name in names} | {"error": question.last_error}
