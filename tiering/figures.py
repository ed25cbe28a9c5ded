"""How much is where, and what it costs: one line for each tier and location."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Sum

from studies.disk import disk_use
from studies.models import Study, Tier
from tiering.models import Location, LocationKind, Pack, PackState

GB = 10**9


@dataclass(frozen=True)
class TierUse:
    """What is read from one tier.

    Attributes:
        size_bytes: of the instances' files, however they are kept.
    """

    tier: str
    label: str
    studies: int
    size_bytes: int


@dataclass(frozen=True)
class LocationUse:
    """What lies in one location.

    Attributes:
        unsettled: packs that are damaged.
        free_bytes: None where it is not known.
        used_bytes: of its capacity, else of its disk, with what others keep there; None where neither is known.
        used_percent: of its capacity, else of its disk; None where neither is known.
        cost_per_month: of what lies there now.
    """

    location: Location
    packs: int
    size_bytes: int
    damaged: int
    free_bytes: int | None
    used_bytes: int | None
    used_percent: float | None
    cost_per_month: Decimal


def tier_use() -> list[TierUse]:
    """Hot, cold and archive, in this order."""
    rows = Study.objects.order_by().values_list("tier").annotate(studies=Count("pk"), size=Sum("size_bytes"))
    found = {tier: (studies, size) for tier, studies, size in rows}
    return [TierUse(tier, str(label), *found.get(tier, (0, 0))) for tier, label in Tier.choices]


def location_use() -> Sequence[LocationUse]:
    """Every location."""
    packs = {
        (row["location"], row["state"]): row
        for row in Pack.objects.order_by()
        .values("location", "state")
        .annotate(count=Count("pk"), size=Sum("size_bytes"))
    }
    found = []
    for location in Location.objects.all():
        good = packs.get((location.pk, PackState.VERIFIED), {"count": 0, "size": 0})
        damaged = packs.get((location.pk, PackState.DAMAGED), {"count": 0})
        free, used, percent = _room(location, good["size"])
        cost = location.cost_per_gb_month * good["size"] / GB
        found.append(LocationUse(location, good["count"], good["size"], damaged["count"], free, used, percent, cost))
    return found


def hot_disk_percent() -> float | None:
    """Share of the hot store's disk in use; None where it cannot be asked."""
    try:
        return disk_use(settings.GANTRY.storage).used_percent
    except OSError:
        return None


def _room(location: Location, size_bytes: int) -> tuple[int | None, int | None, float | None]:
    if location.capacity_bytes:
        free = max(0, location.capacity_bytes - size_bytes)
        return free, size_bytes, 100 * size_bytes / location.capacity_bytes
    if location.kind != LocationKind.FILESYSTEM:
        return None, None, None
    try:
        disk = disk_use(Path(location.path))
    except OSError:
        return None, None, None
    return disk.free_bytes, disk.total_bytes - disk.free_bytes, disk.used_percent
