"""Ask a source for all when it cuts its lists: again in halves of the time (PS3.4 C.2.2.2.5).

Many archives give at most some hundred matches, and do not say so. A question without a range of dates is asked for
halves of all time, those for halves of these, until no list is cut.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from spanner.answers import Row, text_of
from spanner.errors import SourceFailed
from spanner.patients import BIRTH_DATE
from spanner.question import ISSUER, PATIENT_ID, STUDY_DATE, UNIQUE_TAGS, Question, matcher_of
from studies.matching import Range, Universal
from studies.query.keys import QueryLevel

MAXIMUM_QUESTIONS = 64
_FIRST_DAY = date(1970, 1, 1)  # what is older comes with the first half
_PATIENT = (PATIENT_ID, ISSUER, BIRTH_DATE)  # one unique key may be of two patients


@dataclass(frozen=True)
class Batch:
    """What one question to one source brought.

    Attributes:
        is_cut: there may be more.
    """

    rows: list[Row]
    is_cut: bool


def ask_in_slices(ask: Callable[[Question], Batch], question: Question, today: date, limit: int) -> Batch:
    """Ask; where the answer is cut, for halves of the range of dates.

    Args:
        ask: asks one question.
        question: may have a range of study dates itself.
        today: where a range without an end is halved as if it ended soon after; later dates are in its last part.
        limit: so many matches are enough.

    Raises:
        SourceFailed: with all that was found before.
    """
    first = ask(question)
    days = _days(question, today)
    if not first.is_cut or days is None or len(first.rows) >= limit:
        return first
    found = {_identity(question.level, row): row for row in first.rows}
    waiting, asked, is_cut = days.halves(), 1, False
    while waiting:
        if asked >= MAXIMUM_QUESTIONS or len(found) >= limit:
            return Batch(list(found.values())[:limit], is_cut=True)
        part = waiting.pop()
        asked += 1
        try:
            batch = ask(question.with_value(STUDY_DATE, part.value))
        except SourceFailed as failure:
            found.update((_identity(question.level, row), row) for row in failure.rows)
            failure.rows = list(found.values())
            raise
        found.update((_identity(question.level, row), row) for row in batch.rows)
        if not batch.is_cut:
            continue
        if part.begin == part.end:
            is_cut = True  # of one day
        else:
            waiting += part.halves()
    # Matches without a date are in no range: where none was asked for, some may have been in no list.
    is_cut |= not question.value(STUDY_DATE) or len(found) > limit
    return Batch(list(found.values())[:limit], is_cut=is_cut)


@dataclass(frozen=True)
class _Days:
    """From one day to another.

    Attributes:
        has_begin, has_end: off: and whatever is before or after.
    """

    begin: date
    end: date
    has_begin: bool = True
    has_end: bool = True

    @property
    def value(self) -> str:
        """As a key asks for it."""
        # Not by strftime, which writes the year 800 with three digits.
        begin, end = self.begin.isoformat().replace("-", ""), self.end.isoformat().replace("-", "")
        if begin == end and self.has_begin and self.has_end:
            return begin
        return (begin if self.has_begin else "") + "-" + (end if self.has_end else "")

    def halves(self) -> "list[_Days]":
        """The earlier half and the later, which is taken from the end, and so asked first: people look at that."""
        middle = self.begin + (self.end - self.begin) // 2
        return [
            _Days(self.begin, middle, self.has_begin),
            _Days(middle + timedelta(days=1), self.end, has_end=self.has_end),
        ]


def _days(question: Question, today: date) -> _Days | None:
    """The range to halve; None where there is none, or only a day."""
    if question.level is not QueryLevel.STUDY:
        return None
    match matcher_of(STUDY_DATE, question.value(STUDY_DATE)):
        case Universal():
            return _Days(_FIRST_DAY, today + timedelta(days=1), has_begin=False, has_end=False)
        case Range(first, last):
            begin, end = _day(first), _day(last)
            found = _Days(
                begin or min(_FIRST_DAY, end or _FIRST_DAY),
                end or max(today + timedelta(days=1), begin or today),
                begin is not None,
                end is not None,
            )
            return found if found.begin < found.end else None
        case _:
            return None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _identity(level: QueryLevel, row: Row) -> tuple[str, ...]:
    return (text_of(row, UNIQUE_TAGS[level]), *(text_of(row, tag) for tag in _PATIENT))
