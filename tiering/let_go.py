"""What was brought back to be read leaves the hot disk again by itself; its packs are still where it came from.

A study that somebody brought back in person stays, and so does one that is read on; those that were read longest ago
go first. Each goes by a move as any other, so that copies are counted and whoever needs the files keeps them.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest

from studies.models import Study, Tier
from studies.usage import APART
from studies.watermarks import CROWDED_BELOW_FULL
from tiering.ask import BY_POLICY, ask_for_move, check_tier
from tiering.conditions import Conditions
from tiering.eligible import movable
from tiering.errors import MoveRefused
from tiering.models import Move, MoveState, Reason, TierChange
from tiering.pressure import Excess, excess, is_pressed
from tiering.settings import recall_kept

logger = logging.getLogger(__name__)
AT_ONCE = 500  # in one turn
BY_CACHE = "cache"
# Who asked so wanted to read, not to decide where the study lies.
TO_BE_READ = (Reason.READING, Reason.RULE)


def let_go(now: datetime) -> int:
    """Ask that what was brought back, and is not read any more, goes to where it was; returns moves asked for.

    What was not read for GANTRY_RECALL_KEEP_DAYS goes; while the hot disk is crowded, also what was read since, but
    nothing within a day of its return or an hour of a read.
    """
    kept = recall_kept()
    if kept is None:
        return 0
    pressure = _pressure()
    asked, refused = 0, set[str]()
    for cached in list(_cached(now)):
        is_over = cached.used_at <= now - kept
        if not is_over and not pressure:
            break  # the longest unused come first
        if cached.came_from in refused or not _send_back(cached, refused):
            continue
        asked += 1
        pressure = Excess(pressure.size_bytes - cached.size_bytes, pressure.files - cached.files)
    if asked:
        logger.info("recalled studies go back", extra={"moves": asked, "is_crowded": bool(pressure)})
    return asked


@dataclass(frozen=True)
class Cached:
    """A study that was brought back to be read.

    Attributes:
        used_at: when it was read last, came in last, or came back.
        came_from: its tier before.
    """

    pk: int
    used_at: datetime
    size_bytes: int
    files: int
    came_from: str


def _cached(now: datetime) -> Iterator[Cached]:
    """The longest unused first, at most AT_ONCE."""
    changes = TierChange.objects.filter(study=OuterRef("pk"), to_tier=Tier.HOT).order_by("-pk")
    studies = (
        movable(now)
        .filter(pk__in=_recalls().values("study"), tier=Tier.HOT)
        .annotate(
            back_at=Subquery(_recalls().filter(study=OuterRef("pk")).values("finished_at")[:1]),
            came_from=Subquery(changes.values("from_tier")[:1]),
        )
        .annotate(seen_at=Greatest(Coalesce("used_at", "back_at"), F("last_received_at"), F("back_at")))
        .filter(came_from__isnull=False, seen_at__lte=now - 2 * APART)
        .order_by("seen_at", "pk")
    )
    fields = ("pk", "seen_at", "size_bytes", "number_of_study_related_instances", "came_from")
    for row in studies.values_list(*fields)[:AT_ONCE]:
        yield Cached(*row)


def _recalls() -> QuerySet[Move]:
    """Of each study that is on the hot tier the move that brought it there, where that was done for reading."""
    later = Move.objects.filter(study=OuterRef("study"), state=MoveState.DONE, pk__gt=OuterRef("pk"))
    return Move.objects.filter(
        ~Exists(later), state=MoveState.DONE, to_tier=Tier.HOT, study__tier=Tier.HOT, reason__in=TO_BE_READ
    ).order_by()


def _pressure() -> Excess:
    """What has to leave so that the disk is not crowded; senders are turned away from where it begins (watermarks)."""
    above = settings.GANTRY.spool_high_percent - CROWDED_BELOW_FULL
    conditions = Conditions(above_percent=max(1, above))
    try:
        return excess(conditions) if is_pressed(conditions, is_clearing=False) else Excess(0, 0)
    except OSError:
        return Excess(0, 0)


def _send_back(cached: Cached, refused: set[str]) -> bool:
    """Notes a tier that nothing can go to just now."""
    try:
        check_tier(cached.came_from)
    except MoveRefused as error:
        logger.error("recalled studies stay", extra={"tier": cached.came_from, "reason": str(error)})
        refused.add(cached.came_from)
        return False
    try:
        study = Study.objects.get(pk=cached.pk)
        ask_for_move(study, cached.came_from, by=BY_CACHE, priority=BY_POLICY, reason=Reason.CACHE)
    except (Study.DoesNotExist, MoveRefused):
        return False  # deleted, or asked for by somebody else, in this moment
    return True
