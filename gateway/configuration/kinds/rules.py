"""Rules in the document: what they say now, not the versions that they had."""

from collections.abc import Iterable
from typing import Any

from gateway.configuration.kind import Kind
from routing.api.rules import RuleSerializer
from routing.models import AIPool, Destination, Rule


class Rules(Kind):
    """What goes where."""

    name, noun = "rules", "rule"
    model, serializer = Rule, RuleSerializer
    shown = frozenset({"order"})
    references = {"destinations": Destination, "ai_pools": AIPool}
    fields = (
        "name",
        "is_enabled",
        "order",
        "scope",
        "mode",
        "priority",
        "conditions",
        "destinations",
        "ai_pools",
        "actions",
        "comment",
    )

    def rows(self) -> Iterable[Any]:
        """In the order in which they are tried."""
        return Rule.objects.prefetch_related("destinations", "ai_pools").order_by("order", "pk")

    def save(self, serializer: Any, values: dict[str, Any], *, author: Any, reason: str) -> Any:
        """The next version, as if by hand."""
        return serializer.save(author=author, reason=reason)

    def turn_off(self, row: Any) -> None:
        """That is no new version."""
        row.is_enabled = False
        row.save(update_fields=["is_enabled", "updated_at"])
