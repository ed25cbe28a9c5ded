"""A study's moves between tiers for its time line, each with why it was asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from studies.models import Study, Tier
from tiering.models import Move, MoveState

MAXIMUM_EVENTS = 100
_STATES = {
    MoveState.WAITING: (gettext_noop("Is to go to the tier {tier}"), "busy"),
    MoveState.COPYING: (gettext_noop("On its way to the tier {tier}"), "busy"),
    MoveState.SWITCHED: (gettext_noop("Read from the tier {tier}, the old files are being removed"), "busy"),
    MoveState.DONE: (gettext_noop("Moved to the tier {tier}"), "ok"),
    MoveState.FAILED: (gettext_noop("Failed to move to the tier {tier}"), "failed"),
    MoveState.CANCELLED: (gettext_noop("The move to the tier {tier} was ended"), ""),
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
            _(template).format(tier=str(Tier(move.to_tier).label).lower()),
            "; ".join(filter(None, [why, move.last_error])),
            state,
        )
