"""What moving some studies would come to: how many, how much, and what that saves."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Avg, Count, QuerySet, Sum

from studies.models import Study, Tier
from tiering.models import Location, Policy
from tiering.settings import hot_cost_per_gb_month, minimum_copies

GB = 1_000_000_000
SHOWN = 100  # studies
SLOWEST_LAST = list(Tier.values)


@dataclass(frozen=True)
class Simulation:
    """What a policy would move.

    Attributes:
        number_of_instances: as queries count them, each SOP Instance once.
        size_bytes: of all their contents.
        saved_per_month: in the currency of the locations' costs; less than 0 when the new tier costs more.
        studies: the first of them, at most SHOWN.
    """

    number_of_studies: int
    number_of_instances: int
    size_bytes: int
    saved_per_month: Decimal
    studies: tuple[Study, ...]

    @property
    def words(self) -> str:
        """The same as a sentence for people."""
        studies = "1 study" if self.number_of_studies == 1 else f"{self.number_of_studies} studies"
        saved = self.saved_per_month
        cost = f"saves {saved}" if saved >= 0 else f"costs {-saved} more"
        return f"would move {studies}, {_in_gb(self.size_bytes)}, {cost} a month"


def simulation_of(studies: QuerySet[Study], policy: Policy) -> Simulation:
    """Count what the policy would move, in the database."""
    sums = studies.order_by().aggregate(
        studies=Count("pk"), instances=Sum("number_of_study_related_instances"), size=Sum("size_bytes")
    )
    size_bytes = int(sums["size"] or 0)
    return Simulation(
        number_of_studies=sums["studies"],
        number_of_instances=int(sums["instances"] or 0),
        size_bytes=size_bytes,
        saved_per_month=(saved_per_gb_month(policy) * size_bytes / GB).quantize(Decimal("0.01")) + 0,  # never -0.00
        studies=tuple(studies[:SHOWN]),
    )


def saved_per_gb_month(policy: Policy) -> Decimal:
    """What 10^9 bytes that the policy moves save; less than 0 when they cost more.

    Only what goes to a slower tier is removed where it was; brought to a quicker one, it lies in both.
    """
    return cost_before(policy) - _cost(policy.to_tier)


def cost_before(policy: Policy) -> Decimal:
    """What 10^9 bytes cost where the policy takes them away; 0 where they stay in place too."""
    is_removed = SLOWEST_LAST.index(policy.to_tier) > SLOWEST_LAST.index(policy.from_tier)
    return _cost(policy.from_tier) if is_removed else Decimal(0)


def _cost(tier: str) -> Decimal:
    """Of 10^9 bytes for a month, in as many locations as there have to be copies."""
    if tier == Tier.HOT:
        return hot_cost_per_gb_month()
    enabled = Location.objects.filter(tier=tier, is_enabled=True)
    mean = enabled.aggregate(mean=Avg("cost_per_gb_month"))["mean"] or 0
    return Decimal(mean) * minimum_copies()


def _in_gb(size_bytes: int) -> str:
    size = size_bytes / GB
    return f"{size:.0f} GB" if size >= 10 else f"{size:.2f} GB"
