"""The associations of one lane: each sends batch after batch in a thread, one of them in the caller's.

What is more urgent than what is being sent cuts the batches that are under way: each finishes the instance that it is
at, gives back the rest, and the next claim begins with what is urgent.
"""

import logging
import threading
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import DatabaseError, connection
from django.utils import timezone

from routing import queue
from routing.batch import Batch
from routing.claim import Turns, claim, is_more_urgent_due
from routing.lanes import Lane, record_failure
from routing.models import Destination
from routing.pace import Associations, Meter, TokenBucket
from routing.record import Recorder
from routing.senders import SENDERS
from routing.transports.outcome import PeerLost
from routing.window import priorities_now

logger = logging.getLogger(__name__)
TICK_SECONDS = 0.5  # how soon what is urgent is seen
IDLE_SECONDS = 0.2
REFUSED_SECONDS = 1.0
LOSSES_BEFORE_REST = 3


@dataclass
class Habits:
    """What this process remembers of a lane from one drive to the next; forgetting it costs seconds."""

    associations: Associations = field(default_factory=lambda: Associations(1))
    meter: Meter = field(default_factory=Meter)
    turns: Turns = field(default_factory=Turns)
    limit: TokenBucket = field(default_factory=lambda: TokenBucket(0, time.monotonic()))

    def fit(self, destination: Destination) -> None:
        """Follow the destination's settings."""
        self.associations.limit(destination.maximum_associations)
        if self.limit.bytes_per_second != destination.maximum_bytes_per_second:
            self.limit = TokenBucket(destination.maximum_bytes_per_second, time.monotonic())


_habits: dict[int, Habits] = defaultdict(Habits)


class Crew:
    """All associations of a lane that is held."""

    def __init__(self, held: Lane, *, deadline: float) -> None:
        """Take over the lane.

        Args:
            held: by the caller, until ``work`` returns.
            deadline: of ``time.monotonic``; no batch begins after it, and those under way are cut.
        """
        self._lane = held
        self._deadline = deadline
        self._habits = _habits[held.destination.pk]
        self._habits.fit(held.destination)
        self._lock = threading.Lock()  # one lane's claims do not meet in the database
        self._is_urgent_due = False
        self._batches: dict[int, Batch] = {}
        self._is_over = threading.Event()
        self._was_idle = False
        self.delivered = 0

    def work(self) -> int:
        """Send until nothing is due, the time is over or the peer is lost; returns how many it took."""
        with ThreadPoolExecutor(self._habits.associations.maximum) as pool:
            watching = pool.submit(self._watch, pool)
            try:
                self._work(0)
            finally:
                self._end()
                helpers = watching.result()  # it begins none any more, so the pool may end
        for helper in helpers:
            helper.result()  # an error of ours in a thread is one here
        return self.delivered

    def _work(self, number: int) -> None:
        """One association after the other, as long as so many are wanted."""
        while self._may_begin(number):
            batch = self._claim(number)
            if batch is None:
                self._was_idle = True
                if number or not self._batches:
                    return
                self._is_over.wait(IDLE_SECONDS)  # the others send yet; more may come meanwhile
                continue
            try:
                self._send(batch)
            finally:
                del self._batches[number]

    def _help(self, number: int) -> None:
        """An association beside the first, in a thread with a database connection of its own."""
        try:
            self._work(number)
        finally:
            connection.close()

    def _may_begin(self, number: int) -> bool:
        if self._is_over.is_set() or time.monotonic() > self._deadline:
            return False
        return number < self._wanted and self._lane.is_ours()

    @property
    def _wanted(self) -> int:
        """How many associations: for what is urgent one more, for the others may be at something long."""
        associations = self._habits.associations
        return min(associations.count + self._is_urgent_due, associations.maximum)

    def _end(self) -> None:
        self._is_over.set()
        for batch in list(self._batches.values()):
            batch.cut()

    def _claim(self, number: int) -> Batch | None:
        destination = self._lane.destination
        token = self._lane.new_batch()
        with self._lock:
            deliveries = claim(
                destination,
                token=token,
                limit=destination.batch_size,
                turns=self._habits.turns,
                priorities=priorities_now(destination, timezone.now()),
            )
            if deliveries:
                batch = Batch(deliveries, association=token, limit=self._habits.limit)
                self._batches[number] = batch
                if self._is_over.is_set():  # meanwhile
                    batch.cut()
                return batch
        self._lane.end_batch(token)
        return None

    def _send(self, batch: Batch) -> None:
        """Send one batch, record each outcome, and give back what was not tried."""
        began = time.monotonic()
        destination = self._lane.destination
        recorder = Recorder(destination, batch.association)
        try:
            for outcome in SENDERS[destination.kind](destination, batch):
                recorder.record(outcome)
                if outcome.is_delivered:
                    self._habits.meter.add(outcome.sent_bytes)
                if recorder.is_full:
                    batch.cut()
        except PeerLost as lost:
            recorder.flush()
            self._lose(batch, lost, any_delivered=recorder.count > 0)
        finally:
            recorder.flush()
            with self._lock:
                self.delivered += recorder.count
        if recorder.is_full:
            self._rest(recorder.last_error)
        # Not so after an error of ours: then the leases run out, which counts as a lost worker, so that an instance
        # that breaks the sender each time is set aside at last.
        queue.put_back(batch.association)
        self._lane.end_batch(batch.association)
        logger.info(
            "delivered",
            extra={
                "destination": destination.name,
                "association": batch.association,
                "count": recorder.count,
                "claimed": len(batch),
                "bytes": recorder.sent_bytes,
                "milliseconds": round((time.monotonic() - began) * 1000),
            },
        )

    def _lose(self, batch: Batch, lost: PeerLost, *, any_delivered: bool) -> None:
        """Note a lost peer on the instances it was lost with and on the destination, which rests when it must."""
        destination = self._lane.destination
        extra = {"destination": destination.name, "association": batch.association, "reason": str(lost)}
        logger.warning("destination lost", extra=extra)
        if not lost.during and len(self._batches) > 1:
            # Others are connected: it takes no more at once than these, as in a rejection for now (PS3.8 9.3.4).
            self._habits.associations.refused()
            self._is_over.wait(REFUSED_SECONDS)
            return
        for delivery in lost.during:
            queue.finish_failed(batch.association, delivery.pk, status=None, error=str(lost), is_permanent=False)
        destination.refresh_from_db(fields=["failures_in_a_row"])
        losses = 0 if any_delivered else destination.failures_in_a_row + 1
        if not lost.during:
            queue.give_back(batch.association, error=str(lost), at=timezone.now())
        if not lost.during or losses >= LOSSES_BEFORE_REST:
            self._rest(str(lost), asked_seconds=lost.retry_after_seconds)
        else:
            record_failure(destination, str(lost), rest=False)

    def _rest(self, error: str, *, asked_seconds: float = 0) -> None:
        if not self._is_over.is_set():  # all associations lose a peer together, which is one failure
            self._end()
            record_failure(self._lane.destination, error, rest=True, asked_seconds=asked_seconds)

    def _watch(self, pool: ThreadPoolExecutor) -> list[Future[None]]:
        """See what is urgent, and how many associations bring the most; returns the helpers that were begun."""
        helpers: dict[int, Future[None]] = {}
        begun: list[Future[None]] = []
        looked_at = time.monotonic()
        try:
            while not self._is_over.wait(TICK_SECONDS):
                try:
                    self._cut_what_must_wait()
                except DatabaseError as error:
                    logger.warning("lane not looked at", extra={"error": str(error)})
                self._measure(time.monotonic() - looked_at)
                looked_at = time.monotonic()
                for number in range(1, self._wanted):
                    if number not in helpers or helpers[number].done():
                        helpers[number] = pool.submit(self._help, number)
                        begun.append(helpers[number])
        finally:
            connection.close()
        return begun

    def _cut_what_must_wait(self) -> None:
        """Cut the batches that something more urgent waits behind, or whose time is over."""
        batches = list(self._batches.values())
        destination = self._lane.destination
        priorities = priorities_now(destination, timezone.now())
        is_time_up = time.monotonic() > self._deadline or not self._lane.is_ours()
        least = max((batch.least_urgent for batch in batches), default=0)
        self._is_urgent_due = is_more_urgent_due(destination, than=least, priorities=priorities)
        for batch in batches:
            must_wait = self._is_urgent_due and batch.least_urgent == least
            if is_time_up or must_wait or batch.least_urgent not in priorities:
                batch.cut()

    def _measure(self, seconds: float) -> None:
        was_idle, self._was_idle = self._was_idle, False
        if was_idle:
            self._habits.meter.begin_anew()
        elif rate := self._habits.meter.rate_after(seconds):
            self._habits.associations.measured(rate)
