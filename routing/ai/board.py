"""The board: how each pool and each of its workers does."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from routing.ai.models import AIPool, AIRequest, AIRequestState, AIResult, AIVerdict, AIWorker

SPAN = timedelta(days=1)
LATEST = 20_000  # answers that quantiles are made of
OPEN = (AIRequestState.SENDING, AIRequestState.ASKED)


@dataclass(frozen=True)
class TurnAround:
    """Seconds from sending to the answer, over the last day; None without an answer."""

    count: int = 0
    p50_seconds: float | None = None
    p95_seconds: float | None = None


@dataclass(frozen=True)
class WorkerLine:
    """One worker on the board.

    Attributes:
        failures: requests of the last day that it was asked and did not answer.
    """

    worker: AIWorker
    open: int
    turn_around: TurnAround
    failures: int
    quarantined: int

    @property
    def state(self) -> str:
        """``off``, ``resting`` after failures, or ``up``."""
        if not self.worker.is_enabled:
            return "off"
        return "up" if self.worker.paused_until is None else "resting"


@dataclass(frozen=True)
class PoolBoard:
    """One pool on the board; the figures of its workers together, and what waits."""

    pool: AIPool
    workers: list[WorkerLine]
    queued: int
    open: int
    failed: int
    turn_around: TurnAround
    quarantined: int = field(default=0)

    @property
    def can_work(self) -> bool:
        """Some worker of it is switched on."""
        return any(line.state != "off" for line in self.workers)


def board() -> list[PoolBoard]:
    """Every pool with its workers, in a number of queries that does not depend on how many there are."""
    since = timezone.now() - SPAN
    states = _counts_by_state(since)
    times, failures, quarantined = _times(since), _failures(since), _quarantined()
    pools = AIPool.objects.prefetch_related("workers", "result_destinations")
    return [_pool_board(pool, states, times, failures, quarantined) for pool in pools]


def quarantined() -> QuerySet[AIResult]:
    """Results that nobody has decided on."""
    return AIResult.objects.filter(verdict=AIVerdict.QUARANTINED)


def turn_around(seconds: Iterable[float]) -> TurnAround:
    """Median and 95th percentile by nearest rank."""
    ordered = sorted(seconds)
    if not ordered:
        return TurnAround()
    return TurnAround(len(ordered), *(ordered[ceil(len(ordered) * share) - 1] for share in (0.5, 0.95)))


def _pool_board(
    pool: AIPool,
    states: Counter[tuple[int, int | None, str]],
    times: dict[tuple[int, int | None], list[float]],
    failures: Counter[int],
    quarantined: Counter[int],
) -> PoolBoard:
    lines = [
        WorkerLine(
            worker,
            sum(states[pool.pk, worker.pk, state] for state in OPEN),
            turn_around(times[pool.pk, worker.pk]),
            failures[worker.pk],
            quarantined[worker.pk],
        )
        for worker in pool.workers.all()
    ]
    of_pool = Counter[str]()
    for (pool_pk, _, state), count in states.items():
        if pool_pk == pool.pk:
            of_pool[state] += count
    seconds = [each for (pool_pk, _), found in times.items() if pool_pk == pool.pk for each in found]
    return PoolBoard(
        pool=pool,
        workers=lines,
        queued=of_pool[AIRequestState.QUEUED],
        open=sum(of_pool[state] for state in OPEN),
        failed=of_pool[AIRequestState.FAILED],
        turn_around=turn_around(seconds),
        quarantined=sum(line.quarantined for line in lines),
    )


def _counts_by_state(since: object) -> "Counter[tuple[int, int | None, str]]":
    """Requests by pool, worker and state: open ones however old, failed ones of the last day."""
    wanted = Q(state__in=[AIRequestState.QUEUED, *OPEN]) | Q(state=AIRequestState.FAILED, created_at__gte=since)
    rows = AIRequest.objects.filter(wanted).order_by().values_list("pool", "worker", "state")
    return Counter({(pool, worker, state): count for pool, worker, state, count in rows.annotate(count=Count("pk"))})


def _times(since: object) -> dict[tuple[int, int | None], list[float]]:
    answered = AIRequest.objects.filter(answered_at__gte=since, sent_at__isnull=False).order_by("-pk")
    found: dict[tuple[int, int | None], list[float]] = defaultdict(list)
    for pool, worker, sent_at, answered_at in answered.values_list("pool", "worker", "sent_at", "answered_at")[:LATEST]:
        if sent_at is not None and answered_at is not None:
            # A late answer of one worker may come before the next was sent the request.
            found[pool, worker].append(max((answered_at - sent_at).total_seconds(), 0.0))
    return found


def _failures(since: object) -> "Counter[int]":
    rows = AIRequest.objects.filter(created_at__gte=since).exclude(tried=[]).order_by("-pk")
    counts = Counter[int]()
    for tried, worker, state in rows.values_list("tried", "worker", "state")[:LATEST]:
        counts.update(pk for pk in tried if pk != worker or state != AIRequestState.ANSWERED)
    return counts


def _quarantined() -> "Counter[int]":
    rows = AIResult.objects.filter(verdict=AIVerdict.QUARANTINED, worker__isnull=False).order_by()
    return Counter(dict(rows.values_list("worker").annotate(count=Count("pk"))))
