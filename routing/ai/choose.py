"""Which worker of a pool gets a request."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from routing.ai.models import AIPool, AIRequest, AIRequestState, AIWorker, PoolStrategy

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Workers:
    """The workers of one pool as they stand at one moment; the caller holds the pool's row.

    Attributes:
        enabled: all that are switched on, well or not.
        free: those that are well, send nothing right now, and have room for one request more.
    """

    def __init__(self, pool: AIPool, chance: random.Random | None = None) -> None:
        self.enabled = list(pool.workers.filter(is_enabled=True).order_by("pk"))
        rows = AIRequest.objects.filter(
            worker__in=self.enabled, state__in=[AIRequestState.SENDING, AIRequestState.ASKED]
        ).values_list("worker", "state")
        held = list(rows)
        self._open = Counter(worker for worker, _ in held)
        # One association to a worker at a time: one that is slow to take instances holds one thread, not all.
        sending = {worker for worker, state in held if state == AIRequestState.SENDING}
        self.free = [
            worker
            for worker in self.enabled
            if worker.paused_until is None
            and worker.pk not in sending
            and self._open[worker.pk] < worker.maximum_requests
        ]
        self._strategy = pool.strategy
        self._chance = chance or random.Random()  # noqa: S311 (no secret)

    def choose(self, tried: Sequence[int]) -> AIWorker | None:
        """The worker for a request that these have failed; None when it is to wait.

        One that has not tried it comes first, and is waited for while it is only busy. When all have tried it, or
        those that have not are not well, the round begins again.
        """
        untried = [worker for worker in self.free if worker.pk not in tried]
        if untried:
            return self._one_of(untried)
        is_worth_waiting = any(worker.pk not in tried and worker.paused_until is None for worker in self.enabled)
        return None if is_worth_waiting or not self.free else self._one_of(self.free)

    def _one_of(self, workers: Sequence[AIWorker]) -> AIWorker:
        if self._strategy == PoolStrategy.WEIGHTED:
            return self._chance.choices(workers, [worker.weight for worker in workers])[0]
        if self._strategy == PoolStrategy.LEAST_BUSY:
            return min(workers, key=lambda worker: (self._open[worker.pk], worker.last_asked_at or LONG_AGO, worker.pk))
        return min(workers, key=lambda worker: (worker.last_asked_at or LONG_AGO, worker.pk))
