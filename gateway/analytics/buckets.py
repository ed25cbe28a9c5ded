"""Durations in fixed buckets, so that quantiles can be had over any stretch of time by adding counts. Pure.

Each bucket ends 1.41 times higher than the one before it: a quantile is right to within a fifth.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

# Upper ends in seconds: from a twentieth of a second to three and a half days; one more bucket has what is longer.
BOUNDS: Final = tuple(0.05 * 2 ** (step / 2) for step in range(46))


def bucket(seconds: float) -> int:
    """The number of the bucket that a duration is in; its upper end belongs to it."""
    return bisect_left(BOUNDS, seconds)


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """The duration in seconds that this share of all does not exceed; None of none.

    Args:
        counts: by number of bucket.
        share: above 0, at most 1.
    """
    total = sum(counts.values())
    if not total:
        return None
    wanted, before = share * total, 0
    for number in sorted(counts):
        if before + counts[number] >= wanted and counts[number]:
            return _within(number, (wanted - before) / counts[number])
        before += counts[number]
    return _within(max(counts), 1.0)


def _within(number: int, part: float) -> float:
    """A place in a bucket; of the last one, which has no end, its beginning."""
    low = BOUNDS[number - 1] if number else 0.0
    high = BOUNDS[number] if number < len(BOUNDS) else low
    return low + (high - low) * part
