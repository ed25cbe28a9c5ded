"""Ask a source for all when it cuts its lists: again in halves of the time (PS3.4 C.2.2.2.5).

Many archives give at most some hundred matches, and do not say so. A question without a range of dates is asked for
halves of all time, those for halves of these, until no list is cut.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from spanner.answers import Row, text_of
from spanner.errors import SourceFailed
from spanner.question import STUDY_DATE, UNIQUE_TAGS, Question, matcher_of
from studies.matching import Range, Single, Universal
from studies.query.keys import QueryLevel

MAXIMUM_QUESTIONS = 64
_FIRST_DAY = date(1970, 1, 1)  # what is older comes with the first half


@dataclass(frozen=True)
class Batch:
    """What one question to one source brought.

    Attributes:
        is_cut: there may be more.
    """

    rows: list[Row]
    is_cut: bool


def ask_in_slices(ask: Callable[[Question], Batch], question: Question, today: date) -> Batch:
    """Ask; where the answer is cut, for halves of the range of dates.

    Args:
        ask: asks one question.
        question: may have a range of study dates itself.
        today: the end of a range without one.

    Raises:
        SourceFailed: with all that was found before.
    """
    first = ask(question)
    days = _days(question, today)
    if not first.is_cut or days is None:
        return first
    found = {_identity(question.level, row): row for row in first.rows}
    waiting, asked, is_cut = list(_halves(*days)), 1, False
    while waiting:
        if asked >= MAXIMUM_QUESTIONS:
            return Batch(list(found.values()), is_cut=True)
        begin, end = waiting.pop()
        asked += 1
        try:
            batch = ask(question.with_value(STUDY_DATE, _range(begin, end)))
        except SourceFailed as failure:
            found.update((_identity(question.level, row), row) for row in failure.rows)
            failure.rows = list(found.values())
            raise
        found.update((_identity(question.level, row), row) for row in batch.rows)
        if not batch.is_cut:
            continue
        if begin == end:
            is_cut = True  # of one day
        else:
            waiting += _halves(begin, end)
    # Matches without a date are in no range: where none was asked for, some may have been in no list.
    return Batch(list(found.values()), is_cut=is_cut or not question.value(STUDY_DATE))


def _days(question: Question, today: date) -> tuple[date, date] | None:
    """The range to halve; None where there is none, or only a day."""
    if question.level is not QueryLevel.STUDY:
        return None
    match matcher_of(STUDY_DATE, question.value(STUDY_DATE)):
        case Universal():
            return _FIRST_DAY, today + timedelta(days=1)
        case Range(first, last):
            begin, end = _day(first) or _FIRST_DAY, _day(last) or today + timedelta(days=1)
            return (begin, end) if begin < end else None
        case Single():
            return None
    return None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _halves(begin: date, end: date) -> Iterable[tuple[date, date]]:
    middle = begin + (end - begin) // 2
    # The later half is asked first: it is the one that people look at.
    return [(begin, middle), (middle + timedelta(days=1), end)]


def _range(begin: date, end: date) -> str:
    if begin == _FIRST_DAY:
        return f"-{end:%Y%m%d}"
    return f"{begin:%Y%m%d}-{end:%Y%m%d}" if begin != end else f"{begin:%Y%m%d}"


def _identity(level: QueryLevel, row: Row) -> tuple[str, ...]:
    return (text_of(row, UNIQUE_TAGS[level]), text_of(row, UNIQUE_TAGS[QueryLevel.PATIENT]))
