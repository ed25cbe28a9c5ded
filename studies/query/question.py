"""A query as plain data, and what makes it a valid one (PS3.4 C.4.1.1.3, C.4.1.2.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from studies.errors import InvalidQuery
from studies.matching import Matcher, Range, Single, Universal
from studies.query.keys import BY_KEYWORD, UNIQUE_KEYS, Key, QueryLevel, is_returned

# Pairs that are matched as one moment where that is agreed on (PS3.4 C.2.2.2.5.4).
DATE_AND_TIME = (
    (BY_KEYWORD["StudyDate"], BY_KEYWORD["StudyTime"]),
    (BY_KEYWORD["SeriesDate"], BY_KEYWORD["SeriesTime"]),
)


@dataclass(frozen=True)
class DateTimeRange:
    """Ranges of a date and a time that are matched as one."""

    date_key: Key
    time_key: Key
    date: Range
    time: Range


@dataclass(frozen=True)
class Question:
    """What is looked for, and what is wanted of each match.

    Attributes:
        level: of the matches.
        wanted: matchers by key; none is universal.
        asked: the attributes to return.
        moments: pairs of date and time that are matched as one; they are not in ``wanted``.
    """

    level: QueryLevel
    wanted: Mapping[Key, Matcher]
    asked: tuple[Key, ...]
    moments: tuple[DateTimeRange, ...] = field(default=())


def question(
    level: QueryLevel, matchers: Mapping[Key, Matcher], asked: Iterable[Key], *, combine_date_time: bool = False
) -> Question:
    """Put a question together.

    Args:
        level: of the matches.
        matchers: by key, universal ones among them.
        asked: the attributes to return, beside the unique keys of this level and those above.
        combine_date_time: a range of dates and one of times of the same form are one range.

    Raises:
        InvalidQuery: a range ends before it begins.
    """
    wanted = {key: matcher for key, matcher in matchers.items() if not isinstance(matcher, Universal)}
    moments = tuple(_moments(wanted)) if combine_date_time else ()
    for moment in moments:
        del wanted[moment.date_key], wanted[moment.time_key]
        _refuse_inverted(moment.date_key, moment.date)
    for key, matcher in wanted.items():
        _refuse_inverted(key, matcher)
    # A patient's is for the queries of Patient Root to ask; below, UIDs say all.
    levels = [one for one in QueryLevel if min(level.rank, QueryLevel.STUDY.rank) <= one.rank <= level.rank]
    unique = [UNIQUE_KEYS[one] for one in levels]
    returned = dict.fromkeys([*unique, *(key for key in asked if is_returned(level, key))])
    return Question(level, wanted, tuple(sorted(returned, key=lambda key: key.tag)), moments)


def check_hierarchy(level: QueryLevel, root: QueryLevel, matchers: Mapping[Key, Matcher]) -> None:
    """A query that is not relational names one patient, study and series above its level (PS3.4 C.4.1.2.2.1).

    Raises:
        InvalidQuery: it does not.
    """
    for above in QueryLevel:
        if root.rank <= above.rank < level.rank:
            key = UNIQUE_KEYS[above]
            if not isinstance(matchers.get(key), Single):
                raise InvalidQuery(f"the query needs one {key.keyword} above its level", key.tag)


def _moments(wanted: Mapping[Key, Matcher]) -> Iterable[DateTimeRange]:
    for date_key, time_key in DATE_AND_TIME:
        date, time = wanted.get(date_key), wanted.get(time_key)
        if isinstance(date, Range) and isinstance(time, Range) and _form(date) == _form(time):
            yield DateTimeRange(date_key, time_key, date, time)


def _form(matcher: Range) -> tuple[bool, bool]:
    return matcher.first is None, matcher.last is None


def _refuse_inverted(key: Key, matcher: Matcher) -> None:
    if isinstance(matcher, Range) and matcher.is_inverted:
        raise InvalidQuery(f"the range of {key.keyword} ends before it begins", key.tag)
