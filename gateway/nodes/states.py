"""How the processes do, by when they last wrote. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from gateway.nodes.models import Process

GONE_SECONDS = 45  # three beats of a heart


class State(TextChoices):
    """Of a process or of a host."""

    RUNNING = "running", _("Running")
    GONE = "gone", _("Gone")
    REPLACED = "replaced", _("Gone, started again")
    STOPPED = "stopped", _("Stopped")


def states_of(processes: Sequence[Process], now: datetime) -> dict[int, State]:
    """By primary key.

    One that is gone counts as replaced when another of its name appeared on its host after it was last seen, one
    for one: of two listeners that were killed and one that came back, one is still gone.

    Args:
        processes: of any hosts.
        now: by the clock that ``seen_at`` is of, the database's.
    """
    found: dict[int, State] = {}
    newcomers: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    for process in sorted(processes, key=lambda each: each.appeared_at):
        newcomers[process.node_id, process.name].append(process.appeared_at)
    for process in sorted(processes, key=lambda each: each.seen_at):
        if process.stopped_at is not None:
            found[process.pk] = State.STOPPED
        elif is_fresh(process.seen_at, now):
            found[process.pk] = State.RUNNING
        else:
            found[process.pk] = _replaced_or_gone(process, newcomers[process.node_id, process.name])
    return found


def is_fresh(seen_at: datetime | None, now: datetime) -> bool:
    """Whether it was written lately."""
    return seen_at is not None and now - seen_at <= timedelta(seconds=GONE_SECONDS)


def _replaced_or_gone(process: Process, newcomers: list[datetime]) -> State:
    successor = next((at for at in newcomers if at > process.seen_at), None)
    if successor is None:
        return State.GONE
    newcomers.remove(successor)
    return State.REPLACED
