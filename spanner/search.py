"""Ask a federation: the one entry of all doors."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from spanner import metrics
from spanner.answers import USABLE, Answer
from spanner.errors import NoSuchSpan, SpanFailed, SpanIsOff
from spanner.executors import answers_of, is_by_workers
from spanner.fanout import Target, Terms
from spanner.merge import Merged, merge, newest_first
from spanner.models import ConfigSource, FailureStrategy, Query, SourceAnswer, SpanningConfig
from spanner.queries import keywords, open_query
from spanner.question import Question
from spanner.seen import seen
from studies.query.keys import QueryLevel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What a federation answered.

    Attributes:
        merged: all matches in the order of pages.
        answers: of each source, the first in line first.
    """

    merged: list[Merged]
    answers: list[Answer]

    @property
    def is_complete(self) -> bool:
        """Every source answered, and said all that it has."""
        return is_complete(self.answers)


def find_span(name: str | None = None, *, pk: int | None = None) -> SpanningConfig:
    """The configuration of a name, or of a number.

    Raises:
        NoSuchSpan: there is none.
        SpanIsOff: it is off.
    """
    if "\0" in (name or ""):  # which PostgreSQL refuses to be asked for
        raise NoSuchSpan(name)
    wanted = {"name": name} if pk is None else {"pk": pk}
    config = SpanningConfig.objects.filter(**wanted).first()
    if config is None:
        raise NoSuchSpan(name or str(pk))
    if not config.is_enabled:
        raise SpanIsOff(config.name)
    return config


def is_complete(answers: Sequence[Answer]) -> bool:
    """Every source answered, and said all that it has."""
    return bool(answers) and all(answer.is_whole for answer in answers)


def targets_of(config: SpanningConfig) -> list[Target]:
    """Its sources, the first in line first."""
    members = ConfigSource.objects.filter(config=config).select_related("source").order_by("priority", "source__name")
    return [
        Target(member.source, min(member.timeout_override or member.source.timeout_seconds, config.timeout_seconds))
        for member in members
    ]


def terms_of(config: SpanningConfig) -> Terms:
    """How its questions are put."""
    return Terms(
        seconds=config.timeout_seconds,
        at_once=config.max_concurrent_sources,
        retries=config.retry_attempts,
        cache_seconds=config.cache_seconds,
    )


def span(config: SpanningConfig, question: Question, *, door: str, asked_by: str) -> Found:
    """Ask all of its sources, and put their answers together.

    Args:
        config: the federation.
        question: as the federation has it.
        door: by which it came: api, dicomweb, dimse or page.
        asked_by: a user, an API key, or an AE title.

    Raises:
        SpanFailed: too few have answered, by the strategy of the configuration.
    """
    targets = targets_of(config)
    answers = list(_stream(config, targets, question, door=door, asked_by=asked_by))
    return _put_together(config, question.level, answers, targets)


def put_together(config: SpanningConfig, question: Question, answers: Sequence[Answer]) -> Found:
    """Answers of ``stream`` as one.

    Raises:
        SpanFailed: too few have answered, by the strategy of the configuration.
    """
    return _put_together(config, question.level, answers, targets_of(config))


def _put_together(
    config: SpanningConfig, level: QueryLevel, answers: Sequence[Answer], targets: Sequence[Target]
) -> Found:
    order = {target.source.name: at for at, target in enumerate(targets)}
    in_line = sorted(answers, key=lambda answer: order.get(answer.source, len(order)))
    check(config, in_line)
    return found_of(config, level, in_line)


def found_of(config: SpanningConfig, level: QueryLevel, answers: list[Answer]) -> Found:
    """Answers put together, the source that is first in line first."""
    merged = merge(level, answers, is_deduplicating=config.deduplication_enabled)
    return Found(newest_first(level, merged), answers)


def stream(config: SpanningConfig, question: Question, *, door: str, asked_by: str) -> Iterator[Answer]:
    """The answers as they come; at their end the question is recorded."""
    return _stream(config, targets_of(config), question, door=door, asked_by=asked_by)


def _stream(
    config: SpanningConfig, targets: Sequence[Target], question: Question, *, door: str, asked_by: str
) -> Iterator[Answer]:
    began = time.monotonic()
    answers: list[Answer] = []
    query = open_query(config, targets, question, door=door, asked_by=asked_by) if is_by_workers() else None
    try:
        for given in answers_of(targets, question, terms_of(config), query):
            answer = seen(given, question)
            answers.append(answer)
            yield answer
    finally:
        record(config, question, answers, began, door=door, asked_by=asked_by, query=query)
        if query is not None:
            forget(query)


def check(config: SpanningConfig, answers: Sequence[Answer]) -> None:
    """Whether the answers are worth giving, by the configuration's strategy.

    Raises:
        SpanFailed: they are not.
    """
    missing = missing_in_words(answers)
    if not answers:
        raise SpanFailed(_("the federation %(name)s has no sources") % {"name": config.name}, answers)
    if config.failure_strategy == FailureStrategy.STRICT and not is_complete(answers):
        raise SpanFailed(_("not all sources answered whole: %(missing)s") % {"missing": missing}, answers)
    if config.failure_strategy == FailureStrategy.FAIL and not any(answer.state in USABLE for answer in answers):
        raise SpanFailed(_("no source answered: %(missing)s") % {"missing": missing}, answers)


def missing_in_words(answers: Sequence[Answer]) -> str:
    """Who did not answer whole, and how; empty when all did."""
    return ", ".join(f"{answer.source} ({answer.state})" for answer in answers if not answer.is_whole)


def record(
    config: SpanningConfig,
    question: Question,
    answers: Sequence[Answer],
    began: float,
    *,
    door: str,
    asked_by: str,
    query: Query | None = None,
) -> None:
    """Leave a row that says who asked what of whom, without any value; the one that there is, where there is one."""
    seconds, now = time.monotonic() - began, timezone.now()
    metrics.count(door, answers, seconds)
    outcome = {
        "finished_at": now,
        "matches": sum(len(answer.rows) for answer in answers),
        "is_complete": is_complete(answers),
        "missing": missing_in_words(answers)[:400],
        "milliseconds": round(seconds * 1000),
    }
    try:
        if query is not None:
            Query.objects.filter(pk=query.pk).update(**outcome)
            return
        Query.objects.create(
            config=config,
            door=door,
            asked_by=asked_by[:150],
            asked_at=now - timedelta(seconds=seconds),
            level=question.level,
            keys=keywords(question),
            deadline=now - timedelta(seconds=seconds - config.timeout_seconds),
            **outcome,
        )
    except DatabaseError as error:
        logger.error("a federated question is not recorded", extra={"error_type": type(error).__name__})


def forget(query: Query) -> None:
    """Remove what was kept of a question only for its workers."""
    try:
        SourceAnswer.objects.filter(query=query.pk).delete()
        Query.objects.filter(pk=query.pk).update(content=None)
    except DatabaseError as error:  # the sweep does it then
        logger.warning("a federated question is not cleared away", extra={"error_type": type(error).__name__})
