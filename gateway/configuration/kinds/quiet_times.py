"""Quiet times that were set for senders, in the document; what was learnt of them is none of it."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from rest_framework.exceptions import ValidationError

from dicomnet.audit import Action, Entry, record
from dicomnet.strict import StrictModelSerializer
from gateway.configuration.kind import Kind
from studies.models import SourcePace


class QuietTimeSerializer(StrictModelSerializer):
    """Bounds of the quiet time of one sender."""

    class Meta:
        model = SourcePace
        fields = ["calling_ae_title", "floor_seconds", "ceiling_seconds"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One bound at least, and in order."""
        floor, ceiling = attrs.get("floor_seconds"), attrs.get("ceiling_seconds")
        if floor is None and ceiling is None:
            raise ValidationError({"floor_seconds": "Give floor_seconds or ceiling_seconds, or leave the entry out."})
        if floor is not None and ceiling is not None and floor > ceiling:
            raise ValidationError({"ceiling_seconds": "The ceiling must not be below the floor."})
        return attrs


class QuietTimes(Kind):
    """After which quiet a sender's studies are complete, where an administrator said so."""

    name, noun = "quiet_times", "quiet time"
    model, serializer = SourcePace, QuietTimeSerializer
    key = ("calling_ae_title",)
    fields = ("calling_ae_title", "floor_seconds", "ceiling_seconds")

    def rows(self) -> Iterable[Any]:
        """Those with a bound; the others were only learnt."""
        return SourcePace.objects.exclude(Q(floor_seconds=None) & Q(ceiling_seconds=None)).order_by("calling_ae_title")

    def save(self, serializer: Any, values: dict[str, Any], *, author: Any, reason: str) -> Any:
        """Save the bounds; learning goes on."""
        saved = serializer.save()
        record(
            Entry(
                Action.CHANGED,
                subject=f"quiet time of {saved}",
                detail={"fields": ["floor_seconds", "ceiling_seconds"]},
            )
        )
        return saved

    def remove(self, row: Any) -> None:
        """Take the bounds away, and keep what was learnt."""
        row.floor_seconds = row.ceiling_seconds = None
        row.save(update_fields=["floor_seconds", "ceiling_seconds", "updated_at"])
        record(Entry(Action.REMOVED, subject=f"quiet time of {row}"))
