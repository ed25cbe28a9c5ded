"""Carry out one move, a step after the other; each step may be repeated, and what it did already is not done again.

copying: what is missing in the new tier is copied, and read back against the hash that was taken at receipt; then, in
one transaction, the study is read from the new tier. switched: after a pause, in which whoever still reads the old
files comes to an end, what no longer is needed is removed. So there is no moment without a verified copy.
"""

import logging
import time
from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from studies.models import Instance, Study, Tier
from tiering import claim
from tiering.at_rest import ask_back
from tiering.bring_back import bring_back
from tiering.errors import ObjectAtRest, PackDamaged, SourceDamaged, StoreError, TierError
from tiering.events import study_moved
from tiering.forecast import LOOK_AGAIN_SECONDS
from tiering.keep import keeping
from tiering.models import Location, Move, MoveState, Pack, TierChange
from tiering.pace import MovePacer
from tiering.put_away import copy_to_tier, verify_again
from tiering.remove import Held, remove_what_was_left, with_enough_copies
from tiering.settings import grace_seconds
from tiering.slots import LocationFull, look_again_after, take_places

logger = logging.getLogger(__name__)
LOOK_AGAIN = timedelta(seconds=20)
LOOK_AT_HOLDS_AGAIN = timedelta(minutes=1)
STILL_COMING_IN = "It waits until the study is complete."
TIERS: list[str] = [Tier.HOT, Tier.COLD, Tier.ARCHIVE]  # the slowest last


def work(*, seconds: float) -> bool:
    """Carry out moves that are due, for about so long.

    Returns:
        Whether another may be due.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        move = claim.claim()
        if move is None:
            return False
        carry_out(move)
    return True


def carry_out(move: Move) -> None:
    """One move as far as it goes now; it is released in any case."""
    try:
        if move.state == MoveState.SWITCHED:
            _remove(move)
        elif move.to_tier != Tier.HOT and move.study.completed_at is None:
            claim.release(move, last_error=STILL_COMING_IN, next_attempt_at=timezone.now() + LOOK_AGAIN)
        else:
            take_places(move)
            with keeping(move):
                _copy(move)
            _switch(move)
    except LocationFull as error:
        again_at = timezone.now() + look_again_after(move)
        claim.release(move, last_error=str(error)[: claim.ERROR_LENGTH], next_attempt_at=again_at)
    except claim.MoveLost as error:
        logger.info("move given up", extra={"move": move.pk, "reason": str(error)})
    except (SourceDamaged, PackDamaged) as error:
        logger.error("a move found damage", extra={"move": move.pk, "reason": str(error)})
        claim.failed(move, str(error), is_final=isinstance(error, SourceDamaged))
    except ObjectAtRest as error:
        _have_restored(move, error.pack_pks)
    except TierError as error:
        _wait(move, error)
    finally:
        # After a defect, or the end of the process, the next one to claim it goes on from what is recorded.
        claim.release(move)


def _wait(move: Move, error: TierError) -> None:
    has_ended = claim.failed(move, str(error), is_final=False)
    logger.log(
        logging.ERROR if has_ended else logging.WARNING,
        "move failed" if has_ended else "move waits for its next attempt",
        extra={"move": move.pk, "reason": str(error)},
    )


def _have_restored(move: Move, pack_pks: Collection[int]) -> None:
    """Ask for what is in cold storage, and look again later: that it takes hours is no failure."""
    packs = Pack.objects.filter(study=move.study).exclude(location__tier=move.to_tier)
    if pack_pks:
        packs = packs.filter(pk__in=pack_pks)
    try:
        words = ask_back(packs.select_related("location"))
    except StoreError as error:
        _wait(move, error)
        return
    claim.release(
        move,
        state=MoveState.WAITING,  # so that the time until it can be read is not taken for slowness
        restore_asked_at=move.restore_asked_at or timezone.now(),
        last_error=words[: claim.ERROR_LENGTH],
        next_attempt_at=timezone.now() + timedelta(seconds=LOOK_AGAIN_SECONDS),
    )
    logger.info("move waits for cold storage", extra={"move": move.pk, "reason": words})


def _copy(move: Move) -> None:
    if move.state == MoveState.WAITING:
        claim.change(
            move,
            state=MoveState.COPYING,
            started_at=timezone.now(),
            total_bytes=_bytes_to_copy(move),
            done_bytes=0,
            last_error="" if not move.attempts else move.last_error,  # that it waited is over
        )
        move.state = MoveState.COPYING

    def beat(count: int) -> None:
        claim.renew(move, count)

    if move.to_tier == Tier.HOT:
        paced = MovePacer(None, beat)
        bring_back(move.study, paced)
        paced.tell()
    else:
        copy_to_tier(move.study, move.to_tier, beat)


def _bytes_to_copy(move: Move) -> int:
    left = Instance.objects.filter(series__study=move.study).exclude(tier=move.to_tier)
    return sum(left.values_list("size_bytes", flat=True).iterator())


def _switch(move: Move) -> None:
    """From here on the study is read from the new tier."""
    now = timezone.now()
    with transaction.atomic():
        # The index takes the same lock: an instance that comes in meanwhile is hot, and stays so.
        study = Study.objects.select_for_update().get(pk=move.study_id)
        before = study.tier
        arrived = _arrived(move)
        Instance.objects.filter(pk__in=arrived).update(tier=move.to_tier)
        left = set(Instance.objects.filter(series__study=study).order_by().values_list("tier", flat=True).distinct())
        after = max(left, key=TIERS.index, default=Tier.HOT)
        Study.objects.filter(pk=study.pk).update(tier=after)
        if after != before:
            TierChange.objects.create(
                study=study,
                from_tier=before,
                to_tier=after,
                requested_by=move.requested_by,
                policy_name=move.policy.name if move.policy else "",
            )
            study_moved.send(
                Move,
                study_instance_uid=study.study_instance_uid,
                from_tier=str(before),
                to_tier=str(after),
                reason=str(move.reason),
            )
        is_back = move.to_tier == Tier.HOT  # nothing is removed then: the copies are worth keeping
        claim.change(
            move,
            state=MoveState.DONE if is_back else MoveState.SWITCHED,
            switched_at=now,
            finished_at=now if is_back else None,
            last_error="",
        )
    logger.info("study switched", extra={"move": move.pk, "from_tier": before, "to_tier": move.to_tier})
    if not is_back:
        claim.release(move, next_attempt_at=now + timedelta(seconds=grace_seconds()))


def _arrived(move: Move) -> list[int]:
    """Instances that may be read from the new tier: those that are proven to be there."""
    instances = Instance.objects.filter(series__study=move.study).exclude(tier=move.to_tier)
    if move.to_tier == Tier.HOT:
        return list(instances.values_list("pk", flat=True))
    return list(with_enough_copies(instances, move.to_tier).values_list("pk", flat=True))


def _remove(move: Move) -> None:
    # It may have been put off for weeks, by those who needed the files.
    for location in Location.objects.filter(tier=move.to_tier):
        verify_again(move.study, location, MovePacer(location.bytes_per_second, lambda _: claim.renew(move)))
    try:
        remove_what_was_left(move.study, move.to_tier, lambda: claim.renew(move))
    except Held as error:
        claim.release(move, last_error=str(error)[:400], next_attempt_at=timezone.now() + LOOK_AT_HOLDS_AGAIN)
        return
    claim.release(move, state=MoveState.DONE, finished_at=timezone.now(), last_error="")
