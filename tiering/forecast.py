"""How far a move is, what is in front of it, and how long a recall takes, by what the last ones took."""

from dataclasses import dataclass
from functools import cached_property
from statistics import median

from django.db.models import Case, F, Q, QuerySet, Sum, When
from django.utils import timezone
from django.utils.translation import gettext as _

from studies.models import Tier
from tiering.models import Move, MoveState, Pack, PackState
from tiering.models.moves import OPEN
from tiering.restore_times import restore_seconds

PAST = 50
LOOK_AGAIN_SECONDS = 300  # at what a service was asked for
LEAST_BYTES = 1 << 20  # what is smaller says nothing about speed
LEAST_SECONDS = 5  # as long as one beat: before, a move has not said how far it is
MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class Progress:
    """How one move stands.

    Attributes:
        percent: of its bytes; None where there is nothing to copy, or it has not begun.
        bytes_per_second: since it began; None where that is not known, or it has ended.
        expected_seconds: until a recall is back; None where no past recall says so, or for other moves.
        ahead: open moves that go before it; None for one that is under way or has ended.
    """

    percent: int | None
    bytes_per_second: float | None
    expected_seconds: float | None
    ahead: int | None

    @property
    def words(self) -> str:
        """How long it takes yet, for people; empty where nobody knows."""
        return "" if self.expected_seconds is None else in_words(self.expected_seconds)


class Forecast:
    """Looks at moves; what the last recalls took is asked once."""

    def of(self, move: Move) -> Progress:
        """How a move stands now."""
        is_waiting = move.state == MoveState.WAITING
        return Progress(
            percent=_percent(move),
            bytes_per_second=_speed(move),
            expected_seconds=self.recall_seconds(move),
            ahead=_before(move).count() if is_waiting else None,
        )

    def recall_seconds(self, move: Move) -> float | None:
        """Seconds from now until the study is back; None where no past recall says so, or for other moves."""
        if move.to_tier != Tier.HOT or move.state not in OPEN:
            return None
        left = max(0, _size(move) - move.done_bytes)
        if speed := _speed(move):
            return left / speed
        wait = restored_in_seconds(move)
        if self._rate is None:
            return wait or None
        before = _before(move).filter(to_tier=Tier.HOT) if move.state == MoveState.WAITING else Move.objects.none()
        return (left + _bytes_left(before)) / self._rate + wait

    @cached_property
    def _rate(self) -> float | None:
        return recall_bytes_per_second()


def recall_bytes_per_second() -> float | None:
    """The median speed of the last recalls."""
    past = Move.objects.filter(to_tier=Tier.HOT, state=MoveState.DONE, done_bytes__gte=LEAST_BYTES)
    rates = [
        done / max(0.001, (finished - started).total_seconds())  # type: ignore[operator]  # neither is None here
        for done, started, finished in past.exclude(started_at=None)
        .exclude(finished_at=None)
        .order_by("-finished_at")
        .values_list("done_bytes", "started_at", "finished_at")[:PAST]
    ]
    return median(rates) if rates else None


def in_words(seconds: float) -> str:
    """``about 2 min``: not more exact than a forecast is."""
    if seconds < MINUTE:
        return _("less than a minute")
    if seconds < HOUR:
        return _("about %(count)s min") % {"count": round(seconds / MINUTE)}
    if seconds < 2 * DAY:
        return _("about %(count)s h") % {"count": round(seconds / HOUR)}
    return _("about %(count)s days") % {"count": round(seconds / DAY)}


def _percent(move: Move) -> int | None:
    if move.state in (MoveState.SWITCHED, MoveState.DONE):
        return 100
    if move.state == MoveState.WAITING or not move.total_bytes:
        return None
    # An attempt that went on after another may have counted some bytes twice.
    return min(99 if move.state in OPEN else 100, 100 * move.done_bytes // move.total_bytes)


def _speed(move: Move) -> float | None:
    if move.state != MoveState.COPYING or move.started_at is None or not move.done_bytes:
        return None
    seconds = (timezone.now() - move.started_at).total_seconds()
    # After a failed attempt the time since the beginning is mostly that of waiting.
    return move.done_bytes / seconds if seconds >= LEAST_SECONDS and not move.attempts else None


def _size(move: Move) -> int:
    return move.total_bytes or move.study.size_bytes


def _before(move: Move) -> QuerySet[Move]:
    """Open moves that tiering.claim gives to a worker before this one, and those that workers have."""
    earlier = Q(next_attempt_at=move.next_attempt_at, pk__lt=move.pk) | Q(next_attempt_at__lt=move.next_attempt_at)
    turn = Q(priority__lt=move.priority) | Q(earlier, priority=move.priority)
    waiting = Q(turn, state=MoveState.WAITING)
    return Move.objects.filter(waiting | Q(state=MoveState.COPYING)).exclude(pk=move.pk)


def _bytes_left(moves: QuerySet[Move]) -> int:
    size = Case(When(total_bytes__gt=0, then=F("total_bytes")), default=F("study__size_bytes"))
    sums = moves.order_by().aggregate(size=Sum(size), done=Sum("done_bytes"))
    return max(0, int(sums["size"] or 0) - int(sums["done"] or 0))


def restored_in_seconds(move: Move) -> float:
    """Until reading can begin, where the quickest location of the study takes its time; at least until it is looked."""
    if move.state == MoveState.COPYING:
        return 0
    packs = Pack.objects.filter(study=move.study, state=PackState.VERIFIED).select_related("location")
    usual = min((restore_seconds(pack.storage_class, pack.location) for pack in packs), default=0)
    since = timezone.now() - (move.restore_asked_at or move.created_at)
    left = usual - since.total_seconds()
    return max(left, LOOK_AGAIN_SECONDS if move.restore_asked_at else 0)
