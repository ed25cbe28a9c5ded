"""The configuration as it was before each import: listed, and brought back like any other document."""

from dataclasses import replace

from django.db.models import QuerySet

from gateway.configuration.carry_out import apply
from gateway.configuration.changes import Outcome
from gateway.configuration.models import ConfigSnapshot
from gateway.configuration.order import Order
from gateway.configuration.parse import parse


def listed() -> QuerySet[ConfigSnapshot]:
    """All, the latest first, without what is large in them."""
    return ConfigSnapshot.objects.defer("document", "sealed")


def find(number: int | None = None) -> ConfigSnapshot | None:
    """The snapshot with this number, or the latest."""
    found = ConfigSnapshot.objects.all()
    return found.first() if number is None else found.filter(pk=number).first()


def bring_back(snapshot: ConfigSnapshot, order: Order) -> Outcome:
    """Apply a snapshot: all of it, with the secrets that there were; what is newer goes, or is turned off.

    Raises:
        BadDocument, ChangedMeanwhile: as ``carry_out.apply``.
    """
    what = f"back to snapshot {snapshot.pk}"
    return apply(
        parse(snapshot.document), replace(order, what=what, prune=True, may_turn_off=True, kept=snapshot.sealed)
    )
