"""Which primary keys have been seen, where transactions that take numbers first may commit last. Pure.

A sequence gives out a number before its row is committed. A number that is missing below the highest one seen may thus
still come; it is looked for until any transaction that could bring it has long ended.
"""

from collections.abc import Iterable
from typing import NamedTuple

WAIT_SECONDS = 600
MOST_NUMBERS = 5000  # looked for; a batch of the index takes 200


class Hole(NamedTuple):
    """Numbers from first to last that had no row.

    Attributes:
        noted_at: seconds since the epoch.
    """

    first: int
    last: int
    noted_at: int


def numbers(holes: Iterable[Hole]) -> list[int]:
    """All numbers that are looked for."""
    return [number for hole in holes for number in range(hole.first, hole.last + 1)]


def after(holes: Iterable[Hole], last: int, found: Iterable[int], now: int) -> list[Hole]:
    """The holes that are left.

    Args:
        holes: those so far, all of them at most ``last``.
        last: the highest number that had been seen.
        found: numbers that are seen now, in any order.
        now: seconds since the epoch.
    """
    ordered = sorted(set(found))
    left = [part for hole in holes for part in _without(hole, ordered) if abs(now - hole.noted_at) <= WAIT_SECONDS]
    # The very first rows of a table follow no hole, whatever number they begin with.
    before = last or (ordered[0] - 1 if ordered else 0)
    for number in ordered:
        if number > before + 1:
            left.append(Hole(before + 1, number - 1, now))
        before = max(before, number)
    return _newest(left)


def _without(hole: Hole, found: list[int]) -> Iterable[Hole]:
    first = hole.first
    for number in found:
        if first <= number <= hole.last:
            if number > first:
                yield Hole(first, number - 1, hole.noted_at)
            first = number + 1
    if first <= hole.last:
        yield Hole(first, hole.last, hole.noted_at)


def _newest(holes: list[Hole]) -> list[Hole]:
    """As many as are looked for; a longer one is no transaction under way, but what was deleted."""
    kept, room = [], MOST_NUMBERS
    for hole in sorted(holes, reverse=True):
        size = hole.last - hole.first + 1
        if size <= room:
            kept.append(hole)
            room -= size
    return sorted(kept)
