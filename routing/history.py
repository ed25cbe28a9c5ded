"""What went wrong with a delivery, try by try: the latest few of each are kept."""

from collections.abc import Collection

from routing.models import Attempt, Delivery

KEPT = 20
ERROR_LENGTH = 300


def note_failures(
    deliveries: Collection[Delivery], *, error: str, status: int | None = None, association: str = ""
) -> None:
    """Add one failed attempt to each of these deliveries."""
    Attempt.objects.bulk_create(
        [
            Attempt(delivery=delivery, status=status, error=error[:ERROR_LENGTH], association=association)
            for delivery in deliveries
        ],
        batch_size=500,
    )
    for delivery in deliveries:
        if delivery.attempts > KEPT:
            _forget_the_oldest(delivery)


def _forget_the_oldest(delivery: Delivery) -> None:
    kept = Attempt.objects.filter(delivery=delivery).order_by("-pk").values_list("pk", flat=True)[:KEPT]
    Attempt.objects.filter(delivery=delivery, pk__lt=min(kept, default=0)).delete()
