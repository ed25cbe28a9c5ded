"""The hot store's disk: how much has to leave it before it is as empty as a policy wants it."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from studies.disk import disk_use
from studies.models import Study, Tier
from tiering.conditions import Conditions, percent_after
from tiering.models import Move, MoveState, TierChange
from tiering.models.moves import OPEN


@dataclass(frozen=True)
class Excess:
    """What is too much on the disk; nothing when both are 0 or less.

    Attributes:
        size_bytes: to be removed, without what is on its way already.
        files: the same of inodes; 0 where the file system makes them as it needs them.
    """

    size_bytes: int
    files: int

    def __bool__(self) -> bool:
        return self.size_bytes > 0 or self.files > 0


def is_pressed(conditions: Conditions, *, is_clearing: bool) -> bool:
    """Whether the disk is so full that studies are moved.

    Args:
        conditions: of a policy with ``above_percent``.
        is_clearing: whether they were already; then it lasts until the lower limit.

    Raises:
        OSError: the disk does not answer.
    """
    limit = percent_after(conditions) if is_clearing else conditions.above_percent or 0
    return disk_use(settings.GANTRY.storage).used_percent >= limit


def excess(conditions: Conditions) -> Excess:
    """What has to be asked for until the disk would be below ``until_percent``.

    Raises:
        OSError: the disk does not answer.
    """
    disk, until = disk_use(settings.GANTRY.storage), percent_after(conditions)
    leaving = _leaving().aggregate(size=Sum("size_bytes"), files=Sum("number_of_study_related_instances"))
    return Excess(
        size_bytes=_missing(disk.total_bytes, disk.free_bytes, until) - (leaving["size"] or 0),
        files=_missing(disk.files, disk.free_files, until) - (leaving["files"] or 0) if disk.files else 0,
    )


def _missing(total: int, free: int, until_percent: int) -> int:
    """How much more has to be free, so that less than this share is in use."""
    return total * (100 - until_percent) // 100 + 1 - free


def _leaving() -> QuerySet[Study]:
    """Studies whose files go from the hot disk by themselves, whoever asked for that.

    What has switched and waits for deliveries is not among them: the disk may be full before these are over.
    """
    switched_from_hot = TierChange.objects.filter(
        study=OuterRef("study"), from_tier=Tier.HOT, to_tier=OuterRef("to_tier")
    )
    on_their_way = Q(study__tier=Tier.HOT) | Q(
        Exists(switched_from_hot.filter(at__gte=OuterRef("switched_at"))), state=MoveState.SWITCHED, last_error=""
    )
    moves = Move.objects.filter(on_their_way, state__in=OPEN).exclude(to_tier=Tier.HOT)
    return Study.objects.filter(pk__in=moves.values("study"))
