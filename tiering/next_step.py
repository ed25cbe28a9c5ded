"""What to do about a move that does not go on: words for whoever looks at it."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tiering.models import Move, MoveState

# What an error says, and what helps; the first that is found in it.
_HELP = (
    (
        "no copy that is what was acknowledged",
        gettext_noop("Have the study sent again by its source; see Damage for what was found."),
    ),
    (
        "hot store is not what was acknowledged",
        gettext_noop("Have the study sent again by its source; see Damage for what was found."),
    ),
    (
        "no verified copy",
        gettext_noop("Check that the location that kept it is still there, then try again."),
    ),
    ("enabled location", gettext_noop("Add or enable a location of the tier, then try again.")),
    (
        "hot store",
        gettext_noop("Check the hot store's disk: its room, its rights, and that it is mounted. Then try again."),
    ),
    (
        "access key",
        gettext_noop("Correct the location's access key or the bucket's policy, press Test, then try again."),
    ),
)


def next_step(move: Move) -> str:
    """One sentence; empty where there is nothing to do."""
    if move.state == MoveState.FAILED:
        help_of = (_(words) for part, words in _HELP if part in move.last_error)
        return next(help_of, _("Press Test beside the location under Tiers; when it works again, try the move again."))
    if move.attempts and move.state in (MoveState.WAITING, MoveState.COPYING):
        return _("Nothing: it is tried again by itself. If the reason is known, put it right meanwhile.")
    return ""
