"""Ask for a study to be moved: by people, by policies, and by whoever wants to read what is not on the hot tier."""

import logging
from collections.abc import Collection

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from studies.models import Study, Tier
from studies.seeding.marks import is_record
from studies.selectors import others_of_patient
from tiering.errors import MoveRefused
from tiering.models import Location, Move, MoveState, Policy, Reason
from tiering.models.moves import OPEN
from tiering.settings import minimum_copies

logger = logging.getLogger(__name__)
RECALL, BY_HAND, BY_POLICY = 1, 3, 5  # priorities


def ask_for_move(
    study: Study,
    to_tier: str,
    *,
    by: str,
    policy: Policy | None = None,
    priority: int = BY_HAND,
    reason: str = Reason.PERSON,
) -> Move:
    """A move that goes on by itself from here; the one that is open, when it leads to the same tier.

    Raises:
        MoveRefused: the tier has too few locations, the study is being moved elsewhere, or is fictitious.
    """
    check_tier(to_tier)
    if Study.objects.filter(is_record(), pk=study.pk).exists():
        raise MoveRefused(_("The study is fictitious: it has no images that could be moved."))
    if to_tier == Tier.HOT:
        _turn_round(study, by)
    try:
        with transaction.atomic():
            return Move.objects.create(
                study=study, to_tier=to_tier, requested_by=by[:150], policy=policy, priority=priority, reason=reason
            )
    except IntegrityError:
        pass
    found = Move.objects.filter(study=study, state__in=OPEN).first()
    if found is None or found.to_tier != to_tier:
        raise MoveRefused(
            _("The study is being moved to another tier just now; wait until that is done, or cancel it.")
        )
    if priority < found.priority:
        Move.objects.filter(pk=found.pk).update(priority=priority)
    if reason == Reason.PERSON:
        # Who asks in person for what is coming back to be read wants it to stay.
        Move.objects.filter(pk=found.pk).update(reason=reason)
    return found


def check_tier(to_tier: str) -> None:
    """Whether anything can go to a tier.

    Raises:
        MoveRefused: it is no tier, or has too few locations.
    """
    if to_tier not in Tier.values:
        raise MoveRefused(
            _("There is no tier %(to_tier)s; the tiers are %(values)s.")
            % {"to_tier": f"{to_tier[:20]!r}", "values": ", ".join(Tier.values)}
        )
    needed = minimum_copies()
    if to_tier != Tier.HOT and Location.objects.filter(tier=to_tier, is_enabled=True).count() < needed:
        raise MoveRefused(
            ngettext(
                "The tier %(tier)s has fewer than %(needed)s enabled location: add one under Tiers.",
                "The tier %(tier)s has fewer than %(needed)s enabled locations: add one under Tiers.",
                needed,
            )
            % {"tier": to_tier, "needed": needed}
        )


def recall(series_pks: Collection[int], *, by: str) -> list[Move]:
    """Bring the studies of these series back to the hot tier, before anything that policies asked for."""
    studies = Study.objects.filter(series__in=series_pks).exclude(tier=Tier.HOT).exclude(is_record()).distinct()
    return [ask_for_move(study, Tier.HOT, by=by, priority=RECALL, reason=Reason.READING) for study in studies]


def ask_by_rule(study_pk: int, tier: str, *, rule: str) -> bool:
    """Have a study moved because a rule says so; a rule that cannot be followed is logged, and stops nothing."""
    study = Study.objects.get(pk=study_pk)
    try:
        ask_for_move(study, tier, by=f"rule {rule}", priority=BY_POLICY, reason=Reason.RULE)
    except MoveRefused as error:
        logger.warning("a rule's tier cannot be had", extra={"rule": rule, "study": study_pk, "reason": str(error)})
        return False
    return True


def recall_priors(study_pk: int, count: int, *, rule: str) -> list[Move]:
    """Bring back earlier studies of a study's patient, the latest ones; without a Patient ID there are none."""
    priors = others_of_patient(Study.objects.get(pk=study_pk)).exclude(is_record())[:count]
    away = [prior for prior in priors if prior.tier != Tier.HOT]
    by = f"rule {rule}"
    return [ask_for_move(prior, Tier.HOT, by=by, priority=RECALL, reason=Reason.RULE) for prior in away]


def cancel(move: Move) -> bool:
    """End a move that has not switched yet; False when it was too late."""
    return bool(
        Move.objects.filter(pk=move.pk, state__in=[MoveState.WAITING, MoveState.COPYING]).update(
            state=MoveState.CANCELLED, finished_at=timezone.now(), lease_token="", lease_until=None
        )
    )


def _turn_round(study: Study, by: str) -> None:
    """Who wants to read goes before whoever wants to put away: an open move elsewhere ends where it is."""
    others = Move.objects.filter(study=study, state__in=OPEN).exclude(to_tier=Tier.HOT)
    others.update(
        state=MoveState.CANCELLED,
        finished_at=timezone.now(),
        last_error=f"Ended because {by[:100]} asked for the study.",
        lease_token="",
        lease_until=None,
    )
