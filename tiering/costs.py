"""What keeping all of it costs a month: by tier, location and source, from the rows of studies and packs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, Sum

from studies.models import Study, Tier
from tiering.figures import GB, LocationUse, location_use
from tiering.models import Pack, PackState
from tiering.settings import hot_cost_per_gb_month


@dataclass(frozen=True)
class Cost:
    """One tier or source.

    Attributes:
        key: the tier, or the calling AE title.
        instances: as queries count them.
        size_bytes: of the instances' files, however often and however they are kept.
        kept_bytes: what all copies of them take.
        per_month: of what is kept, in the currency of the locations' costs.
    """

    key: str
    label: str
    studies: int
    instances: int
    size_bytes: int
    kept_bytes: int
    per_month: Decimal


@dataclass(frozen=True)
class Costs:
    """All of it. What was brought back from a slower tier lies in both, and is paid for in both."""

    tiers: Sequence[Cost]
    locations: Sequence[LocationUse]
    sources: Sequence[Cost]

    @property
    def per_month(self) -> Decimal:
        """Of everything."""
        return sum((tier.per_month for tier in self.tiers), Decimal(0))

    @property
    def size_bytes(self) -> int:
        """Of everything, each content once."""
        return sum(tier.size_bytes for tier in self.tiers)


def costs() -> Costs:
    """As it is now, in four queries that group studies and packs; no row of an instance is read."""
    locations = location_use()
    return Costs(_tiers(locations), locations, _sources())


def _tiers(locations: Sequence[LocationUse]) -> list[Cost]:
    rows = {row["tier"]: row for row in _grouped("tier")}
    found = []
    for tier, label in Tier.choices:
        row = rows.get(tier, _NONE)
        if tier == Tier.HOT:
            kept, per_month = row["size"], hot_cost_per_gb_month() * row["size"] / GB
        else:
            there = [use for use in locations if use.location.tier == tier]
            kept = sum(use.size_bytes for use in there)
            per_month = sum((use.cost_per_month for use in there), Decimal(0))
        found.append(Cost(tier, str(label), row["studies"], row["instances"], row["size"], kept, per_month))
    return found


def _sources() -> list[Cost]:
    """The dearest first; of equals the largest."""
    packs: dict[str, int] = defaultdict(int)
    price: dict[str, Decimal] = defaultdict(Decimal)
    verified = Pack.objects.filter(state=PackState.VERIFIED, study__isnull=False).order_by()
    grouped = verified.values("location", source=F("study__calling_ae_title"), each=F("location__cost_per_gb_month"))
    for pack in grouped.annotate(size=Sum("size_bytes")):
        packs[pack["source"]] += pack["size"]
        price[pack["source"]] += pack["each"] * pack["size"] / GB
    found = []
    for row in _grouped("calling_ae_title"):
        source, hot = row["calling_ae_title"], row["hot"] or 0
        per_month = hot_cost_per_gb_month() * hot / GB + price[source]
        found.append(
            Cost(source, source, row["studies"], row["instances"], row["size"], hot + packs[source], per_month)
        )
    return sorted(found, key=lambda cost: (-cost.per_month, -cost.size_bytes, cost.key))


_NONE = {"studies": 0, "instances": 0, "size": 0}


def _grouped(field: str) -> Sequence[dict[str, Any]]:
    return list(
        Study.objects.order_by()
        .values(field)
        .annotate(
            studies=Count("pk"),
            instances=Sum("number_of_study_related_instances"),
            size=Sum("size_bytes"),
            hot=Sum("size_bytes", filter=Q(tier=Tier.HOT)),
        )
    )
