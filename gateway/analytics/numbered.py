"""Counts rows that are written once, by their number: each exactly once, however late it comes or what its clock said.

Studies, instances and failed attempts. A row's own time says in which minute it is counted, and its number whether it
was: a clock that jumps, or a file that lay in the spool for a week, changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Model

from gateway.analytics import holes
from gateway.analytics.add import add
from gateway.analytics.holes import Hole
from gateway.analytics.models import Mark, What
from gateway.analytics.tally import Event, by_minute, modality_key, spread
from routing.models import Attempt
from studies.models import Instance, Study

BATCH = 5000


@dataclass(frozen=True)
class Stream:
    """Rows of one model as events.

    Attributes:
        fields: what an event is made of.
        event: makes it of their values.
    """

    what: What
    model: type[Model]
    fields: tuple[str, ...]
    event: Callable[..., Event]


def _study(received_at: datetime) -> Event:
    return Event(What.STUDY, received_at)


def _instance(received_at: datetime, indexed_at: datetime, size_bytes: int, modality: str) -> Event:
    seconds = (indexed_at - received_at).total_seconds()
    return Event(What.RECEIVED, received_at, modality_key(modality), size_bytes, seconds)


def _attempt(at: datetime, destination_pk: int) -> Event:
    return Event(What.FAILED, at, str(destination_pk))


STREAMS = (
    Stream(What.STUDY, Study, ("received_at",), _study),
    Stream(What.RECEIVED, Instance, ("received_at", "indexed_at", "size_bytes", "series__modality"), _instance),
    Stream(What.FAILED, Attempt, ("at", "delivery__destination_id"), _attempt),
)


def count_some(stream: Stream, now: datetime) -> bool:
    """Count the next rows, at most BATCH and those that came late; True when there may be more."""
    mark, _ = Mark.objects.get_or_create(what=stream.what)
    missing = [Hole(*hole) for hole in mark.holes]
    rows = _rows(stream, pk__gt=mark.last_pk)
    is_full = len(rows) == BATCH
    if missing:
        rows += _rows(stream, pk__in=holes.numbers(missing))
    if not rows and not missing:
        return False
    found = [pk for pk, *_ in rows]
    left = holes.after(missing, mark.last_pk, found, int(now.timestamp()))
    amounts = spread(by_minute(stream.event(*values) for _, *values in rows), now)
    with transaction.atomic():
        # Whoever moves the mark on counts; another one that read the same rows finds that it has moved.
        is_ours = Mark.objects.filter(pk=mark.pk, version=mark.version).update(
            version=F("version") + 1,
            last_pk=max([mark.last_pk, *found]),
            holes=left,
        )
        if is_ours:
            add(amounts)
    return bool(is_ours) and is_full


def _rows(stream: Stream, **which: Any) -> list[tuple[Any, ...]]:
    rows = stream.model._default_manager.filter(**which).order_by("pk")
    return list(rows.values_list("pk", *stream.fields)[:BATCH])
