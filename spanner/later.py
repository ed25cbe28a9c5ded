"""Questions whose answer is fetched later: asked in the background, answers kept for an hour."""

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.utils import timezone

from spanner.answers import Answer
from spanner.background import log_failure, start
from spanner.errors import NoSuchQuery, QueryExpired, TooManyQueries
from spanner.executors import answers_of, is_by_workers
from spanner.fanout import Target
from spanner.models import Query, SourceAnswer, SpanningConfig
from spanner.queries import answers_of as answers_in
from spanner.queries import content_of, open_query, question_of, write_answer
from spanner.question import Question
from spanner.search import Found, check, found_of, record, targets_of, terms_of
from spanner.seen import seen
from spanner.sweep import KEPT_HOURS, end_if_lost
from studies.query.keys import QueryLevel
from studies.sight import current_sight

AT_ONCE = 64  # of one process; each has a thread that waits
_places = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Progress:
    """How far a question is.

    Attributes:
        rows: of each source, the first in line first; those without a state are still waited for.
    """

    query: Query
    rows: Sequence[SourceAnswer]

    @property
    def is_finished(self) -> bool:
        """Nothing more comes."""
        return all(row.state for row in self.rows)

    @property
    def is_complete(self) -> bool:
        """Every source answered, and said all that it has."""
        return bool(self.rows) and all(row.state == "ok" for row in self.rows)

    @property
    def answered(self) -> int:
        """How many sources have answered, or were given up."""
        return sum(bool(row.state) for row in self.rows)

    @property
    def percent(self) -> int:
        """Of the sources that have answered, or were given up."""
        return 100 * self.answered // len(self.rows) if self.rows else 100


def ask_later(config: SpanningConfig, question: Question, *, door: str, asked_by: str, asker: str) -> Query:
    """Begin to ask, and return at once.

    Args:
        config: the federation.
        question: as the federation has it.
        door: by which it came.
        asked_by: a name for people.
        asker: who alone may fetch the answer.

    Raises:
        TooManyQueries: this process has as many under way as it takes.
    """
    if not _places.acquire(blocking=False):
        raise TooManyQueries(f"{AT_ONCE} questions are under way already")
    with ExitStack() as place:
        place.callback(_places.release)
        targets = targets_of(config)
        query = open_query(config, targets, question, door=door, asked_by=asked_by, more={"asker": asker})
        asked = start("span-later", partial(_ask, query, targets, question))
        place.pop_all()
    # Of what went wrong whoever asks how far it is hears that the rest is missing.
    asked.add_done_callback(log_failure)
    asked.add_done_callback(lambda _: _places.release())
    return query


def find_query(query_id: str, *, asker: str, asked_by: str, is_administrator: bool) -> Query:
    """A question whose answer is kept.

    Raises:
        NoSuchQuery: there is none, or somebody else asked it.
        QueryExpired: its answer is not kept any more.
    """
    query = Query.objects.select_related("config").filter(pk=query_id).first()
    if query is None or not (is_administrator or query.asked_by == asked_by):
        raise NoSuchQuery(query_id)
    content = content_of(query) if timezone.now() - query.asked_at < timedelta(hours=KEPT_HOURS) else None
    if content is None:
        raise QueryExpired(query_id)
    # Two keys may have one name.
    if not is_administrator and content.get("asker") != asker:
        raise NoSuchQuery(query_id)
    return query


def progress_of(query: Query) -> Progress:
    """How far it is; one whose process was lost is ended after its deadline."""
    progress = Progress(query, _rows(query))
    if progress.is_finished or not end_if_lost(query):
        return progress
    return Progress(query, _rows(query))


def found_so_far(query: Query) -> tuple[Found, Progress]:
    """What was found until now; once nothing more comes, only when that is worth giving.

    Raises:
        SpanFailed: too few have answered, by the strategy of the configuration.
    """
    progress = progress_of(query)
    rows = SourceAnswer.objects.filter(query=query, pk__in=[row.pk for row in progress.rows if row.state])
    question = question_of(query)
    answers = [seen(answer, question) for answer in answers_in(rows.order_by("priority").select_related("source"))]
    if progress.is_finished:
        check(query.config, answers)
    return found_of(query.config, QueryLevel(query.level), answers), progress


def _rows(query: Query) -> list[SourceAnswer]:
    rows = query.answers.order_by("priority").select_related("source")
    if current_sight() is None:
        return list(rows.defer("rows"))
    return [_counted(row, question_of(query)) for row in rows]


def _counted(row: SourceAnswer, question: Question | None) -> SourceAnswer:
    """With as many matches as whoever asks sees."""
    row.count = sum(len(seen(answer, question).rows) for answer in answers_in([row]))
    return row


def _ask(query: Query, targets: Sequence[Target], question: Question) -> None:
    """In its own thread."""
    began = time.monotonic()
    config, by_name = query.config, {target.source.name: target.source.pk for target in targets}
    answers: list[Answer] = []
    for answer in answers_of(targets, question, terms_of(config), query if is_by_workers() else None):
        write_answer(query.pk, by_name[answer.source], answer)
        answers.append(answer)
    record(config, question, answers, began, door=query.door, asked_by=query.asked_by, query=query)
