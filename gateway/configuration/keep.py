"""Keep the configuration as it was, before an import changes it."""

from gateway.configuration.models import ConfigSnapshot
from gateway.configuration.order import Order

KEPT = 100  # older ones are forgotten


def keep(document: str, sealed: dict[str, dict[str, str]], order: Order, summary: str) -> int:
    """Keep what was, within the transaction that changes it; returns the number of the snapshot."""
    made = ConfigSnapshot.objects.create(
        author=order.author,
        author_name=order.author_name[:150],
        what=order.what[:200],
        reason=order.reason[:200],
        summary=summary,
        document=document,
        sealed=sealed,
    )
    old = list(ConfigSnapshot.objects.order_by("-pk").values_list("pk", flat=True)[KEPT:])
    ConfigSnapshot.objects.filter(pk__in=old).delete()
    return made.pk
