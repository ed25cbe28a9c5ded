"""One row a day for each tier, location, source and policy: what growth and forecasts are made of."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from studies.disk import disk_use
from studies.models import Tier
from tiering.costs import costs
from tiering.models import SampleOf, TierSample
from tiering.savings import saved_now

KEPT = timedelta(days=400)
FIGURES = ["studies", "number_of_objects", "size_bytes", "used_bytes", "per_month"]


def take_samples(now: datetime) -> int:
    """Write the day's rows, or write them again: the last look at a day is what stays of it.

    Returns:
        How many rows the day has.
    """
    on = timezone.localdate(now)
    rows = list(_rows(on))
    TierSample.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["on", "what", "key"], update_fields=FIGURES
    )
    TierSample.objects.filter(on__lt=on - KEPT).delete()
    return len(rows)


def hot_disk_used() -> int | None:
    """Bytes in use on the hot store's disk, whoever put them there; None where it cannot be asked."""
    try:
        disk = disk_use(settings.GANTRY.storage)
    except OSError:
        return None
    return disk.total_bytes - disk.free_bytes


def hot_disk_left() -> int | None:
    """Bytes that may still come in before the intake stops (GANTRY_SPOOL_HIGH_PERCENT); None where nobody knows."""
    try:
        disk = disk_use(settings.GANTRY.storage)
    except OSError:
        return None
    return disk.free_bytes - disk.total_bytes * (100 - settings.GANTRY.spool_high_percent) // 100


def _rows(on: date) -> Iterator[TierSample]:
    found = costs()
    for what, entries in ((SampleOf.TIER, found.tiers), (SampleOf.SOURCE, found.sources)):
        for each in entries:
            yield TierSample(
                on=on,
                what=what,
                key=each.key,
                studies=each.studies,
                number_of_objects=each.instances,
                size_bytes=each.size_bytes,
                used_bytes=hot_disk_used() if each.key == Tier.HOT and what == SampleOf.TIER else None,
                per_month=each.per_month,
            )
    for use in found.locations:
        yield TierSample(
            on=on,
            what=SampleOf.LOCATION,
            key=str(use.location.pk),
            number_of_objects=use.packs,
            size_bytes=use.size_bytes,
            used_bytes=use.used_bytes,
            per_month=use.cost_per_month,
        )
    for pk, saved in saved_now().items():
        yield TierSample(
            on=on,
            what=SampleOf.POLICY,
            key=str(pk),
            studies=saved.studies,
            size_bytes=saved.size_bytes,
            per_month=saved.per_month,
        )
