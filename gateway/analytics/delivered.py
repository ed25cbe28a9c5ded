"""Counts deliveries that were done, by their time: a row of the ledger changes, so its number says nothing.

The last minutes are counted again and again; what a recount finds more of is added. That needs the counts of minutes,
so what is older than LOOK_BACK is looked at once, oldest first, when an installation begins to count.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncHour

from gateway.analytics.add import add
from gateway.analytics.models import Mark, Tally, What
from gateway.analytics.tally import Amount, Amounts, Cell, Event, by_minute, grown, spread
from gateway.analytics.units import LENGTH, Unit, beginning
from routing.models import Delivery

BATCH = 5000
OVERLAP = timedelta(seconds=45)  # a worker writes its successes each second
LOOK_BACK = timedelta(days=3)  # for what comes later than that; far shorter than minutes are kept
IDLE = timedelta(minutes=5)  # the mark may stand so long where nothing is delivered
_MINUTE = LENGTH[Unit.MINUTE]


def count_some(now: datetime) -> bool:
    """Count the next stretch of time, some BATCH rows of it; True when there is more up to now."""
    mark, _ = Mark.objects.get_or_create(what=What.DELIVERED)
    begin = _begin(mark, now)
    if begin is None:
        return False
    end, is_last = _end(begin, max(begin, min(mark.until or begin, now)), now)
    more = _more(begin, end)
    is_idle = mark.is_caught_up and mark.until is not None and not more and abs(now - mark.until) < IDLE
    if is_last and is_idle:
        return False
    is_ours = _write(mark, more, now, until=min(end, now), is_caught_up=mark.is_caught_up or is_last)
    return is_ours and not is_last


def count_late(now: datetime) -> int:
    """Count again each hour of the last days that has more than was counted; returns how many had.

    What was recorded by a host whose clock was wrong, or by a transaction that took long.
    """
    hours = _short_hours(beginning(Unit.MINUTE, now - LOOK_BACK), beginning(Unit.MINUTE, now))
    done = 0
    for hour in hours:
        mark = Mark.objects.filter(what=What.DELIVERED, is_caught_up=True).first()
        if mark is None:
            return 0
        done += _write(mark, _more(hour, hour + timedelta(hours=1)), now)
    return done


def _write(mark: Mark, more: Amounts, now: datetime, **changes: Any) -> bool:
    """Add, unless somebody has since the mark was read: of two that counted the same, one finds it moved."""
    with transaction.atomic():
        held = Mark.objects.filter(pk=mark.pk, version=mark.version)
        if not held.update(version=F("version") + 1, **changes):
            return False
        add(spread(more, now))
    return True


def _begin(mark: Mark, now: datetime) -> datetime | None:
    """Where to go on; None when nothing was ever delivered."""
    if mark.is_caught_up and mark.until is not None:
        # A clock that was set back is followed. No farther than minutes are kept, or they would be counted twice.
        return beginning(Unit.MINUTE, max(min(mark.until, now) - OVERLAP, now - LOOK_BACK))
    if mark.until is not None:
        return mark.until
    first = Delivery.objects.filter(delivered_at__isnull=False).order_by("delivered_at")
    at = first.values_list("delivered_at", flat=True).first()
    return None if at is None else beginning(Unit.MINUTE, min(at, now))


def _end(begin: datetime, counted: datetime, now: datetime) -> tuple[datetime, bool]:
    """The end of whole minutes with about BATCH rows, and whether it is the last there is.

    Args:
        counted: up to where was counted before: it goes at least a minute beyond, or it would never get on.
    """
    later = Delivery.objects.filter(delivered_at__gte=begin).order_by("delivered_at")
    beyond = later.values_list("delivered_at", flat=True)[BATCH : BATCH + 1].first()
    last = beginning(Unit.MINUTE, now) + _MINUTE
    if beyond is None or beyond >= last:
        return last, True
    end = max(beginning(Unit.MINUTE, beyond), beginning(Unit.MINUTE, counted) + _MINUTE)
    return end, end >= last


def _more(begin: datetime, end: datetime) -> Amounts:
    return grown(by_minute(_events(begin, end)), _counted(begin, end))


def _done(begin: datetime, end: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(delivered_at__gte=begin, delivered_at__lt=end).order_by()


def _minutes(begin: datetime, end: datetime) -> QuerySet[Tally]:
    return Tally.objects.filter(unit=Unit.MINUTE, begins_at__gte=begin, begins_at__lt=end).order_by()


def _events(begin: datetime, end: datetime) -> Iterator[Event]:
    values: QuerySet[Any, Any] = _done(begin, end).values_list(
        "delivered_at", "destination_id", "sent_bytes", "instance__received_at", "created_at", "queued_at", "made_by"
    )
    for at, destination_pk, size, received_at, created_at, queued_at, made_by in values.iterator():
        # What a person had sent, or sent again, says nothing of how quick the gateway is.
        is_first = not made_by and queued_at - created_at < timedelta(seconds=1)
        seconds = (at - received_at).total_seconds() if is_first else None
        yield Event(What.DELIVERED, at, str(destination_pk), size, seconds)


def _counted(begin: datetime, end: datetime) -> Amounts:
    rows = _minutes(begin, end).filter(what__in=[What.DELIVERED, What.DELIVERY_SECONDS])
    return {
        Cell(Unit.MINUTE, begins_at, What(what), key): Amount(count, size)
        for begins_at, what, key, count, size in rows.values_list("begins_at", "what", "key", "count", "size_bytes")
    }


def _short_hours(begin: datetime, end: datetime) -> list[datetime]:
    """Hours that have more deliveries than were counted."""
    done = _done(begin, end).annotate(hour=TruncHour("delivered_at", tzinfo=UTC)).values_list("hour")
    tallies = _minutes(begin, end).filter(what=What.DELIVERED)
    counted = tallies.annotate(hour=TruncHour("begins_at", tzinfo=UTC)).values_list("hour")
    known = dict(counted.annotate(sum=Sum("count")))
    return sorted(hour for hour, count in done.annotate(count=Count("pk")) if count > known.get(hour, 0))
