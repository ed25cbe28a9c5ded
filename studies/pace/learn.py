"""Learn a sender's pace from the studies that it sent, and how much quiet says that one is complete.

What counts is the longest pause within a study: a quiet time under which nearly all studies would have stayed whole.
Single pauses say less, since the more instances a study has, the likelier is a long one among them.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from django.db import transaction

from studies.models import Instance, SourcePace

STUDIES_KEPT = 200  # an older one says less of how the device sends today
ENOUGH_STUDIES = 20
QUANTILE = 0.98
SAFETY = 2.0
FLOOR_SECONDS = 10
CEILING_SECONDS = 15 * 60


def quiet_time(pace: SourcePace, default_seconds: int) -> timedelta:
    """After which quiet a study of this sender is complete.

    Args:
        pace: what is known of the sender.
        default_seconds: for as long as too little is known.
    """
    floor, ceiling = pace.floor_seconds, ceiling_seconds(pace, default_seconds)
    seconds = float(default_seconds)
    if len(pace.longest_gaps) >= ENOUGH_STUDIES:
        gaps = sorted(pace.longest_gaps)
        seconds = SAFETY * gaps[int(QUANTILE * (len(gaps) - 1))]
        floor = min(FLOOR_SECONDS, default_seconds) if floor is None else floor
    return timedelta(seconds=min(max(seconds, floor or 0), ceiling))


def ceiling_seconds(pace: SourcePace, default_seconds: int) -> int:
    """The longest quiet time that this sender may have."""
    longest = max(CEILING_SECONDS, default_seconds, pace.floor_seconds or 0)
    return longest if pace.ceiling_seconds is None else pace.ceiling_seconds


def learn(calling_ae_title: str, studies: Sequence[int], default_seconds: int) -> None:
    """Keep the longest pause within each of a sender's studies, given by their primary keys."""
    if not studies:
        return
    pace, _ = SourcePace.objects.get_or_create(calling_ae_title=calling_ae_title)
    # A longer pause is none of the device, but somebody who came back with another image.
    found = [longest for pk in studies if (longest := _longest_gap(pk, ceiling_seconds(pace, default_seconds)))]
    if found:
        with transaction.atomic():
            pace = SourcePace.objects.select_for_update().get(pk=pace.pk)
            pace.longest_gaps = [*pace.longest_gaps, *found][-STUDIES_KEPT:]
            pace.save(update_fields=["longest_gaps", "updated_at"])


def _longest_gap(study: int, ceiling: float) -> float:
    """Seconds; 0 for a study of one instance."""
    times = Instance.objects.filter(series__study=study).order_by("received_at").values_list("received_at", flat=True)
    gaps = ((later - earlier).total_seconds() for earlier, later in pairwise(times.iterator()))
    return round(max((gap for gap in gaps if gap <= ceiling), default=0.0), 3)
