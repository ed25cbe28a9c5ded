"""Policies: which studies each means now, and asking for their moves, as many at once as it may."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, RowRange, Subquery, Sum, Window
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from studies.models import Instance, Study, Tier
from tiering import window
from tiering.ask import BY_POLICY, ask_for_move, check_tier
from tiering.conditions import BadConditions, Conditions, parse_conditions
from tiering.eligible import meeting, movable
from tiering.errors import MoveRefused, TierError
from tiering.models import Move, Policy, Reason
from tiering.models.moves import OPEN
from tiering.pressure import Excess, excess, is_pressed
from tiering.simulation import Simulation, simulation_of

__all__ = ["apply", "apply_all", "conditions_of", "late_arrivals", "simulate", "studies_for"]
logger = logging.getLogger(__name__)
CHUNK = 500
LATE_AT_ONCE = 500
BY_LATE_ARRIVAL = "late arrivals"
OLDEST_USE_FIRST = ("last_used_at", "pk")


def conditions_of(policy: Policy) -> Conditions:
    """Those of the row, which may have been written by anything.

    Raises:
        BadConditions: they say nothing that this policy could go by.
    """
    conditions = parse_conditions(policy.conditions)
    if conditions.above_percent is not None and policy.from_tier != Tier.HOT:
        raise BadConditions(
            _("above_percent is about the hot disk: only a policy that moves from the hot tier has it.")
        )
    return conditions


def studies_for(policy: Policy, now: datetime) -> QuerySet[Study]:
    """What the policy would move at this moment, were it on and its window open; the longest unused first.

    Raises:
        BadConditions: the policy's conditions cannot be used.
        OSError: it asks the hot disk, which does not answer.
    """
    conditions = conditions_of(policy)
    studies = meeting(conditions, movable(now).filter(tier=policy.from_tier), now).order_by(*OLDEST_USE_FIRST)
    if conditions.above_percent is None:
        return studies
    if not is_pressed(conditions, is_clearing=policy.is_clearing):
        return studies.none()
    return _until_enough(studies, excess(conditions))


def simulate(policy: Policy, now: datetime | None = None) -> Simulation:
    """What the policy would move now, on or off and at whatever hour: all of it, not only as many as at once.

    Raises:
        BadConditions: the policy's conditions cannot be used.
        OSError: it asks the hot disk, which does not answer.
    """
    return simulation_of(studies_for(policy, now or timezone.now()), policy)


def apply(policy: Policy, now: datetime) -> int:
    """Ask for moves of what the policy means, if its window is open and it has not too many open already.

    Returns:
        How many were asked for.

    Raises:
        BadConditions: the policy's conditions cannot be used.
        MoveRefused: nothing can go to its tier.
        OSError: it asks the hot disk, which does not answer.
    """
    conditions = conditions_of(policy)
    if not window.is_open(policy, now):
        return 0
    check_tier(policy.to_tier)
    _note_pressure(policy, conditions)
    room = policy.at_once - Move.objects.filter(policy=policy, state__in=OPEN).count()
    pks = list(studies_for(policy, now).values_list("pk", flat=True)[: max(0, room)])
    return _ask(pks, policy.to_tier, by=f"policy {policy.name}", policy=policy)


def apply_all(now: datetime) -> int:
    """Apply every policy that is on, in the order of their names, then see to late arrivals; returns moves asked for.

    One that fails is logged, and does not keep the others from being applied.
    """
    asked = 0
    for policy in Policy.objects.filter(is_enabled=True).order_by("name"):
        try:
            count = apply(policy, now)
        except (BadConditions, TierError, OSError) as error:
            logger.error("policy not applied", extra={"policy": policy.name, "reason": str(error)})
            continue
        if count:
            logger.info("policy applied", extra={"policy": policy.name, "moves": count})
        asked += count
    return asked + late_arrivals(now)


def late_arrivals(now: datetime | None = None) -> int:
    """Ask that instances follow their study, which had been moved when they came in; returns moves asked for."""
    asked = 0
    for tier in (Tier.COLD, Tier.ARCHIVE):
        pks = list(_with_late_arrivals(tier, now or timezone.now()).values_list("pk", flat=True)[:LATE_AT_ONCE])
        try:
            if pks:
                check_tier(tier)
                asked += _ask(pks, tier, by=BY_LATE_ARRIVAL, policy=None)
        except MoveRefused as error:
            logger.error("late arrivals stay on the hot tier", extra={"tier": tier, "reason": str(error)})
    return asked


def _with_late_arrivals(tier: str, now: datetime) -> QuerySet[Study]:
    # A study that is complete since its last move began, or has no such move: only of those the instances are asked,
    # for there is no index that finds hot ones among millions.
    begun = Move.objects.filter(study=OuterRef("pk"), started_at__isnull=False).order_by("-started_at")
    changed = movable(now).filter(tier=tier).alias(begun_at=Subquery(begun.values("started_at")[:1]))
    candidates = changed.filter(Q(begun_at=None) | Q(completed_at__gte=F("begun_at")))
    late = Instance.objects.filter(series__study=OuterRef("pk"), tier=Tier.HOT).order_by()
    return candidates.filter(Exists(late)).order_by("pk")


def _until_enough(studies: QuerySet[Study], needed: Excess) -> QuerySet[Study]:
    """The first of them which together are what has to leave the disk."""
    if not needed:
        return studies.none()
    counted = studies.alias(
        bytes_before=_of_those_before("size_bytes"), files_before=_of_those_before("number_of_study_related_instances")
    )
    return counted.filter(Q(bytes_before__lt=needed.size_bytes) | Q(files_before__lt=needed.files))


def _of_those_before(field: str) -> Any:
    return Coalesce(Window(Sum(field), order_by=list(OLDEST_USE_FIRST), frame=RowRange(end=-1)), 0)


def _note_pressure(policy: Policy, conditions: Conditions) -> None:
    """Once begun, it goes on to the lower limit, whatever becomes of the disk between two of its turns."""
    if conditions.above_percent is None:
        return
    is_clearing = is_pressed(conditions, is_clearing=policy.is_clearing)
    if is_clearing != policy.is_clearing:
        policy.is_clearing = is_clearing
        Policy.objects.filter(pk=policy.pk).update(is_clearing=is_clearing)


def _ask(pks: Sequence[int], to_tier: str, *, by: str, policy: Policy | None) -> int:
    """Ask for the moves of studies that were chosen a moment ago.

    Their keys are read before: on SQLite, a query that is still being read would refuse these writes as soon as another
    process has written meanwhile.
    """
    asked, reason = 0, Reason.POLICY if policy else Reason.LATE
    for first in range(0, len(pks), CHUNK):
        chunk = pks[first : first + CHUNK]
        found = Study.objects.only("pk").in_bulk(chunk)
        for study in (found[pk] for pk in chunk if pk in found):
            try:
                ask_for_move(study, to_tier, by=by, policy=policy, priority=BY_POLICY, reason=reason)
            except MoveRefused:
                continue  # somebody else has just asked for it to go elsewhere
            asked += 1
    return asked
