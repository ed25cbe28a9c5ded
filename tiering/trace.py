"""A study's moves between tiers for its time line, each with why it was asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from studies.models import Study, Tier
from tiering.models import Move, MoveState

MAXIMUM_EVENTS = 100
_STATES = {
    MoveState.WAITING: ("Is to go to the tier {tier}", "busy"),
    MoveState.COPYING: ("On its way to the tier {tier}", "busy"),
    MoveState.SWITCHED: ("Read from the tier {tier}, the old files are being removed", "busy"),
    MoveState.DONE: ("Moved to the tier {tier}", "ok"),
    MoveState.FAILED: ("Failed to move to the tier {tier}", "failed"),
    MoveState.CANCELLED: ("The move to the tier {tier} was ended", ""),
}


@dataclass(frozen=True)
class MoveEvent:
    """One line of the time line; ``state`` as the trace has it."""

    at: datetime
    words: str
    detail: str
    state: str


def moved(study: Study) -> Iterator[MoveEvent]:
    """One event for each of the latest moves, where it stands now."""
    for move in Move.objects.filter(study=study).order_by("-pk")[:MAXIMUM_EVENTS]:
        template, state = _STATES[MoveState(move.state)]
        why = f"{move.get_reason_display()} ({move.requested_by})"
        yield MoveEvent(
            move.finished_at or move.switched_at or move.started_at or move.created_at,
            template.format(tier=Tier(move.to_tier).label.lower()),
            "; ".join(filter(None, [why, move.last_error])),
            state,
        )
