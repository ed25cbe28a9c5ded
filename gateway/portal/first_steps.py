"""What an installation has on the way to its first delivery."""

from dataclasses import dataclass

from dicomnet.models import AllowlistEntry
from routing.models import Destination, Rule


@dataclass(frozen=True)
class FirstSteps:
    """What an installation has already on the way to its first delivery."""

    has_callers: bool
    has_destinations: bool
    has_rules: bool


def first_steps() -> FirstSteps:
    """Answers that the checklist ticks off; loopback alone is no modality."""
    networks = AllowlistEntry.objects.filter(may_store=True).values_list("network", flat=True)
    return FirstSteps(
        has_callers=any(not network.startswith(("127.", "::1")) for network in networks),
        has_destinations=Destination.objects.exists(),
        has_rules=Rule.objects.exists(),
    )
