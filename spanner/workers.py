"""One question to many sources by workers of the queue ``span``: a task for each, the answers in rows.

A broker that is lost, or a worker that does not come, costs a moment and never the answer: what no worker has begun by
then is asked from here.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from spanner import bell
from spanner.answers import Answer, State
from spanner.background import log_failure, start
from spanner.fanout import Target, Terms, ask_all
from spanner.models import Query, Source, SourceAnswer
from spanner.queries import answers_of, is_awaited, question_of, write_answer

logger = logging.getLogger(__name__)
TAKEN_OVER_SECONDS = 2.0  # a task that no worker has begun by then is carried out here
LOOK_SECONDS = 1.0  # at the rows, while nobody rings
LOOK_SECONDS_WITHOUT_BELL = 0.1
# A worker that says itself that a source is late is to be heard.
LATER_SECONDS = 0.5


def ask_by_workers(query: Query, targets: Sequence[Target], terms: Terms) -> Iterator[Answer]:
    """Exactly one answer of each target, as they come.

    Args:
        query: the rows of the question.
        targets: the first in line first.
        terms: how it is put.
    """
    round_ = _Round(query, targets, terms)
    while round_.is_waiting:
        round_.send()
        round_.listen()
        yield from round_.arrived()
        yield from round_.late()


def carry_out(query_id: str, source_pk: int, seconds: float) -> None:
    """Put a question to one source, and write down its answer: what a task does, and whoever takes it over.

    Args:
        query_id: whose rows say what is asked.
        source_pk: of the source.
        seconds: for its answer, from now on: clocks of two hosts are not compared.
    """
    query = Query.objects.select_related("config").filter(pk=query_id).first()
    source = Source.objects.filter(pk=source_pk).first()
    question = question_of(query) if query else None
    if query is None or source is None or question is None or not is_awaited(query_id, source_pk):
        return  # it is answered, or was given up
    bell.ring(query_id, bell.BEGUN, source_pk)
    terms = Terms(seconds, 1, query.config.retry_attempts, query.config.cache_seconds)
    for answer in ask_all([Target(source, seconds)], question, terms):
        write_answer(query_id, source_pk, answer)
    bell.ring(query_id, bell.ANSWERED, source_pk)


class _Round:
    """One question that is under way."""

    def __init__(self, query: Query, targets: Sequence[Target], terms: Terms) -> None:
        self._query, self._at_once = query, terms.at_once
        self._until = time.monotonic() + terms.seconds + LATER_SECONDS
        self._line = deque(targets)
        self._sent: dict[int, tuple[Target, float]] = {}  # with the moment, by the key of the source
        self._not_begun: set[int] = set()
        self._is_bell_lost = False
        self._answered_here = threading.Event()

    @property
    def is_waiting(self) -> bool:
        """Not every source has answered."""
        return bool(self._line or self._sent)

    def send(self) -> None:
        """So many tasks as may be under way at once."""
        # Who could only be asked when all is over is not asked at all.
        while self._line and len(self._sent) < self._at_once and time.monotonic() < self._until - LATER_SECONDS:
            target = self._line.popleft()
            key = target.source.pk
            self._sent[key] = target, time.monotonic()
            self._not_begun.add(key)
            if self._is_bell_lost or not _publish(self._query.pk, key, target.seconds):
                self._take_over(key)

    def listen(self) -> None:
        """Wait until there is something to look at."""
        now = time.monotonic()
        moments = [self._until, *(sent + TAKEN_OVER_SECONDS for sent in map(self._moment, self._not_begun))]
        moments += [sent + target.seconds + LATER_SECONDS for target, sent in self._sent.values()]
        pause = min(LOOK_SECONDS, max(0.0, min(moments) - now))
        try:
            if self._is_bell_lost:
                self._wait_here(pause)
            else:
                self._hear(pause)
        except bell.BellLost:
            self._is_bell_lost = True
            logger.warning("workers are not heard; what they have not answered is asked here")
            # Also what one has begun: its worker may be as lost as the broker is. The first answer counts.
            self._not_begun.update(self._sent)
        for key in list(self._not_begun):
            if self._is_bell_lost or time.monotonic() >= self._moment(key) + TAKEN_OVER_SECONDS:
                self._take_over(key)

    def arrived(self) -> Iterator[Answer]:
        """The answers that were not there before."""
        rows = SourceAnswer.objects.filter(query=self._query.pk, source__in=list(self._sent)).exclude(state="")
        for row in rows.select_related("source"):
            self._forget(row.source_id)
            yield from answers_of([row])

    def late(self) -> Iterator[Answer]:
        """Those that have not answered in their time."""
        now = time.monotonic()
        for key, (target, sent) in list(self._sent.items()):
            if now < min(self._until, sent + target.seconds + LATER_SECONDS):
                continue
            words = f"it did not answer within {now - sent:.1f} s"
            answer = Answer(target.source.name, State.TIMEOUT, (), round((now - sent) * 1000, 1), words)
            if write_answer(self._query.pk, key, answer):
                self._forget(key)
                yield answer
            else:
                yield from self.arrived()  # it came in this moment
                yield from self._vanished(key, answer)
        if now >= self._until:
            while self._line:
                name = self._line.popleft().source.name
                yield Answer(name, State.TIMEOUT, error="not asked: the others took all of the time")

    def _vanished(self, key: int, answer: Answer) -> Iterator[Answer]:
        """Its row is gone, with the source or the federation: somebody deleted it."""
        if key in self._sent:
            self._forget(key)
            yield answer

    def _moment(self, key: int) -> float:
        return self._sent[key][1]

    def _forget(self, key: int) -> None:
        self._sent.pop(key, None)
        self._not_begun.discard(key)

    def _hear(self, seconds: float) -> None:
        told = bell.hear(self._query.pk, seconds)
        if told is not None and told[0] == bell.BEGUN:
            self._not_begun.discard(told[1])

    def _wait_here(self, seconds: float) -> None:
        self._answered_here.wait(min(seconds, LOOK_SECONDS_WITHOUT_BELL))
        self._answered_here.clear()

    def _take_over(self, key: int) -> None:
        self._not_begun.discard(key)
        target, sent = self._sent[key]
        left = min(self._until - LATER_SECONDS, sent + target.seconds) - time.monotonic()
        if left > 0:
            asked = start("ask-here", partial(carry_out, self._query.pk, key, left))
            asked.add_done_callback(log_failure)  # whoever waits finds no answer in time
            asked.add_done_callback(lambda _: self._answered_here.set())


def _publish(*args: Any) -> bool:
    from spanner.tasks import ask_source  # which loads this module

    try:
        ask_source.apply_async(args=args)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("no worker can be asked", extra={"error_type": type(error).__name__})
        return False
    return True
