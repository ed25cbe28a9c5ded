"""What a lane takes next: the most urgent first, and of one priority source after source.

A claim is one conditional UPDATE, so two workers never hold the same delivery.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import F, QuerySet
from django.utils import timezone

from routing.models import Delivery, DeliveryState, Destination, Priority
from routing.queue import LEASE_SECONDS

ALL_PRIORITIES = tuple(Priority.values)


@dataclass
class Turns:
    """Which source was served last, by priority; the next claim begins with the one behind it."""

    last: dict[int, str] = field(default_factory=dict)


def claim(
    destination: Destination,
    *,
    token: str,
    limit: int,
    turns: Turns | None = None,
    priorities: Sequence[int] = ALL_PRIORITIES,
) -> list[Delivery]:
    """Take what is due for one destination, in the order in which it is to be sent.

    A delivery whose worker was lost before is taken alone: if it is what kills workers, it takes no other with it.

    Args:
        destination: whose lane the caller drives.
        token: names the batch; nobody else may finish what is taken under it, until the lease ends.
        limit: at most so many.
        turns: of the lane, moved on by the claim; without it the sources begin anew.
        priorities: those that may leave now, the most urgent first.
    """
    now = timezone.now()
    rows = _choose(_due(destination), limit, turns or Turns(), priorities)
    suspect = next((index for index, (_, lost, _, _) in enumerate(rows) if lost), None)
    if suspect is not None:
        rows = rows[: max(suspect, 1)]
    pks = [pk for pk, _, _, _ in rows]
    Delivery.objects.filter(pk__in=pks, state=DeliveryState.PENDING).update(
        state=DeliveryState.SENDING,
        lease_token=token,
        association=token,
        lease_until=now + timedelta(seconds=LEASE_SECONDS),
        attempts=F("attempts") + 1,
        last_attempt_at=now,
    )
    # Apart from the instances, for a batch has few versions and each is long.
    held = Delivery.objects.filter(pk__in=pks, lease_token=token).select_related("instance")
    found = held.prefetch_related("rule_version").in_bulk()
    return [found[pk] for pk in pks if pk in found]


def is_more_urgent_due(destination: Destination, *, than: int, priorities: Sequence[int] = ALL_PRIORITIES) -> bool:
    """Whether something waits that goes before this priority."""
    before = [priority for priority in priorities if priority < than]
    return bool(before) and _due(destination).filter(priority__in=before).exists()


Row = tuple[int, int, int, str]  # primary key, lost leases, priority, source


def _choose(due: QuerySet[Delivery], limit: int, turns: Turns, priorities: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    for priority in priorities:
        if len(rows) < limit:
            rows += _in_turn(due.filter(priority=priority), turns.last.get(priority, ""), limit - len(rows))
    turns.last.update({priority: source for _, _, priority, source in rows})
    return rows


def _in_turn(due: QuerySet[Delivery], last: str, count: int) -> list[Row]:
    """From the source behind the last one on, and round to the first again; each step reads the index in its order."""
    order = ("calling_ae_title", "next_attempt_at", "pk")
    columns = ("pk", "lost_leases", "priority", "calling_ae_title")
    behind = due.filter(calling_ae_title__gt=last) if last else due
    rows = list(behind.order_by(*order).values_list(*columns)[:count])
    if last and len(rows) < count:
        begin = due.filter(calling_ae_title__lte=last).order_by(*order)
        rows += begin.values_list(*columns)[: count - len(rows)]
    return rows


def _due(destination: Destination) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        destination=destination, state=DeliveryState.PENDING, next_attempt_at__lte=timezone.now()
    )
