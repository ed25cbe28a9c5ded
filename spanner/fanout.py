"""One question to many sources at once: each answers, or is said to be missing, within one deadline."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from spanner import breaker, cache, health
from spanner.answers import USABLE, Answer, State
from spanner.ask.source import ask_source
from spanner.background import log_failure
from spanner.lanes import Job, lane_of, submit_once
from spanner.models import Source
from spanner.question import Question

logger = logging.getLogger(__name__)
# A second line is opened to a source that has not answered after so much of its time: one lost packet or one stuck
# process behind it should not cost the whole of it.
HEDGE_AFTER = 0.4


@dataclass(frozen=True)
class Target:
    """A source that a question goes to.

    Attributes:
        seconds: for its answer.
    """

    source: Source
    seconds: float


@dataclass(frozen=True)
class Terms:
    """How a question is put.

    Attributes:
        seconds: for all answers.
        at_once: sources that are asked at the same time.
        retries: how often one that fails or is slow is asked again.
        cache_seconds: how old an answer may be.
    """

    seconds: float
    at_once: int
    retries: int
    cache_seconds: int


@dataclass
class _Race:
    """The attempts at one source: the first good answer wins."""

    target: Target
    began: float
    retries: int
    running: "list[Future[Answer]]" = field(default_factory=list)

    @property
    def deadline(self) -> float:
        return self.began + self.target.seconds

    @property
    def hedge_at(self) -> float:
        """When a second attempt may begin; never without one left."""
        if not self.retries or len(self.running) != 1:
            return float("inf")
        return self.began + self.target.seconds * HEDGE_AFTER


def ask_all(targets: Sequence[Target], question: Question, terms: Terms) -> Iterator[Answer]:
    """Ask; exactly one answer of each target, as they come.

    Args:
        targets: the first in line first.
        question: as the federation has it.
        terms: how it is put.
    """
    now = timezone.now()
    until = time.monotonic() + terms.seconds
    waiting: deque[Target] = deque()
    sound = [one.source for one in targets if one.source.is_enabled and not one.source.failures_in_a_row]
    known = cache.known(sound, question, terms.cache_seconds)
    for target in targets:
        answer = _at_once(target.source, question, now) or known.get(target.source.pk)
        if answer is None:
            waiting.append(target)
            continue
        health.count(target.source, answer)
        yield answer
    races: list[_Race] = []
    while waiting or races:
        while waiting and len(races) < terms.at_once:
            races.append(_begin(waiting.popleft(), question, terms))
        for race, answer in _step(races, question, terms, until):
            races.remove(race)
            yield answer
        if time.monotonic() >= until:
            yield from (_too_late(one) for one in waiting)
            waiting.clear()


def _at_once(source: Source, question: Question, now: datetime) -> Answer | None:
    """What is known without asking; None when it is to be asked."""
    if not source.is_enabled:
        return Answer(source.name, State.ERROR, error="not asked: it is switched off")
    if not breaker.is_open(source, now):
        return None
    if breaker.claim_trial(source, now):
        trial = lane_of(source).submit(lambda: _ask(source, question, source.timeout_seconds, 0))
        trial.add_done_callback(log_failure)  # nobody waits for it
    return Answer(source.name, State.OPEN, error=breaker.in_words(source, now))


def _begin(target: Target, question: Question, terms: Terms) -> _Race:
    race = _Race(target, time.monotonic(), terms.retries)
    key = (target.source.pk, target.source.updated_at, question.digest)
    race.running.append(submit_once(target.source, key, _job(target, question, terms)))
    return race


def _again(race: _Race, question: Question, terms: Terms) -> None:
    race.retries -= 1
    race.running.append(lane_of(race.target.source).submit(_job(race.target, question, terms)))


def _job(target: Target, question: Question, terms: Terms) -> Job:
    deadline = time.monotonic() + target.seconds

    def job() -> Answer:
        left = deadline - time.monotonic()
        if left <= 0:  # nobody waits for it any more
            return Answer(target.source.name, State.TIMEOUT, error=_lines_taken(target.source, target.seconds))
        return _ask(target.source, question, left, terms.cache_seconds)

    return job


def _ask(source: Source, question: Question, seconds: float, cache_seconds: int) -> Answer:
    """In the lane's thread."""
    answer = ask_source(source, question, seconds)
    breaker.note(source, answer)
    cache.keep(source, question, answer, cache_seconds)
    health.count(source, answer)
    health.write_due()
    return answer


def _step(races: list[_Race], question: Question, terms: Terms, until: float) -> list[tuple[_Race, Answer]]:
    """Wait for the next thing to happen; the races that are over by it."""
    events = [min(race.deadline, race.hedge_at) for race in races]
    pause = max(0.0, min(until, *events) - time.monotonic())
    wait([future for race in races for future in race.running], timeout=pause, return_when=FIRST_COMPLETED)
    over = []
    now = time.monotonic()
    for race in races:
        answer = _result(race, question, terms, until)
        if answer is None and now >= min(race.deadline, until):
            answer = _missing(race)
        elif answer is None and now >= race.hedge_at:
            race.retries = race.retries if lane_of(race.target.source).has_room else 0
            if race.retries:
                _again(race, question, terms)
        if answer is not None:
            over.append((race, answer))
    return over


def _result(race: _Race, question: Question, terms: Terms, until: float) -> Answer | None:
    """The answer of an attempt that has ended, unless another one may still bring a better."""
    for future in [one for one in race.running if one.done()]:
        race.running.remove(future)
        answer = _said(race.target.source, future)
        if answer.state in USABLE or answer.is_alive:
            return answer
        if race.running:
            continue
        if not race.retries or time.monotonic() >= min(race.deadline, until):
            return answer
        _again(race, question, terms)
    return None


def _said(source: Source, future: "Future[Answer]") -> Answer:
    """What came of an attempt: one source's nonsense is not to cost the others their answer."""
    error = future.exception()
    if error is None:
        return future.result()
    logger.error("the answer of a source could not be read", extra={"source": source.name}, exc_info=error)
    return Answer(source.name, State.ERROR, error="Gantry could not read its answer; the log says more")


def _missing(race: _Race) -> Answer:
    source, seconds = race.target.source, time.monotonic() - race.began
    has_begun = any(future.running() for future in race.running)
    words = f"it did not answer within {seconds:.1f} s" if has_begun else _lines_taken(source, seconds)
    return Answer(source.name, State.TIMEOUT, (), round(seconds * 1000, 1), words)


def _lines_taken(source: Source, seconds: float) -> str:
    return f"not asked: all of the {source.max_concurrent} lines to it were taken for {seconds:.1f} s"


def _too_late(target: Target) -> Answer:
    return Answer(target.source.name, State.TIMEOUT, error="not asked: the others took all of the time")
