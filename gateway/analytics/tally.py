"""Events added up by minute, and minutes spread over the longer units. Pure; the order of events does not matter."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gateway.analytics.buckets import bucket
from gateway.analytics.models import What
from gateway.analytics.units import Unit, beginning, is_kept

_CODE = re.compile(r"[A-Z0-9]{2,16}")  # what every defined term of Modality looks like (PS3.3 C.7.3.1.1.1)
_SECONDS = {What.RECEIVED: What.INDEX_SECONDS, What.DELIVERED: What.DELIVERY_SECONDS}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        key: as ``What`` says.
        seconds: how long it took since receipt; None where that says nothing.
    """

    what: What
    at: datetime
    key: str = ""
    size_bytes: int = 0
    seconds: float | None = None


class Cell(NamedTuple):
    """What a row of Tally is about."""

    unit: Unit
    begins_at: datetime
    what: What
    key: str


class Amount(NamedTuple):
    """How many, and how much."""

    number: int
    size_bytes: int = 0


Amounts = dict[Cell, Amount]


def modality_key(modality: str) -> str:
    """The Modality, or nothing for what cannot be one: a device's mistakes make no rows of their own."""
    code = modality.strip().upper()
    return code if _CODE.fullmatch(code) else ""


def by_minute(events: Iterable[Event]) -> Amounts:
    """Counts of the minutes in which events happened; a negative duration is the mistake of a clock, and left out."""
    found: Amounts = {}
    for event in events:
        minute = beginning(Unit.MINUTE, event.at)
        _add(found, Cell(Unit.MINUTE, minute, event.what, event.key), Amount(1, event.size_bytes))
        if event.seconds is not None and event.seconds >= 0:
            _add(found, Cell(Unit.MINUTE, minute, _SECONDS[event.what], str(bucket(event.seconds))), Amount(1))
    return found


def grown(new: Mapping[Cell, Amount], old: Mapping[Cell, Amount]) -> Amounts:
    """What a recount found more of than was counted. Never less: what happened has happened, whatever became of it."""
    more: Amounts = {}
    for cell, amount in new.items():
        had = old.get(cell, Amount(0))
        count, size = amount.number - had.number, amount.size_bytes - had.size_bytes
        if count > 0:
            more[cell] = Amount(count, max(size, 0))
    return more


def spread(minutes: Mapping[Cell, Amount], now: datetime) -> Amounts:
    """The same amounts in every unit that is still kept of their time."""
    found: defaultdict[Cell, Amount] = defaultdict(lambda: Amount(0))
    for cell, amount in minutes.items():
        for unit in Unit:
            begins_at = beginning(unit, cell.begins_at)
            if is_kept(unit, begins_at, now):
                _add(found, cell._replace(unit=unit, begins_at=begins_at), amount)
    return dict(found)


def _add(amounts: Amounts, cell: Cell, amount: Amount) -> None:
    had = amounts.get(cell, Amount(0))
    amounts[cell] = Amount(had.number + amount.number, had.size_bytes + amount.size_bytes)
