"""Policies of the tiers in the document."""

from typing import Any

from gateway.configuration.kind import Kind
from tiering.api.policies import PolicySerializer
from tiering.models import Policy


class Policies(Kind):
    """Which studies go to another tier by themselves."""

    name, noun = "policies", "policy"
    model, serializer = Policy, PolicySerializer
    shown = frozenset({"is_enabled", "from_tier", "to_tier"})
    fields = ("name", "is_enabled", "from_tier", "to_tier", "conditions", "runs_from", "runs_until", "at_once")

    def save(self, serializer: Any, values: dict[str, Any], *, author: Any, reason: str) -> Any:
        """What was begun under other conditions is over."""
        return serializer.save(is_clearing=False)
