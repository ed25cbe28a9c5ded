"""A question as conditions in SQL, and as checks of what comes back where SQL cannot say it exactly.

Written by hand: Django takes longer to put such a statement together than a database to answer it. Values are always
parameters. The database may find too much and never too little: case of letters beyond ASCII, groups of names and
values within a list are decided by the matchers themselves, so that SQLite and PostgreSQL give the same answers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from studies.errors import InvalidQuery
from studies.matching import Empty, FuzzyName, Matcher, Moment, Name, OneOf, Range, Single, Wildcard
from studies.query.keys import BY_KEYWORD, Key, Kind, QueryLevel
from studies.query.question import DateTimeRange, Question

MAXIMUM_OF_LIST_COLUMN = 50  # SQLite takes 1,000 terms in one expression
MAXIMUM_INTEGER = 2**31 - 1
# The tables by level and by the names that all statements give them; the patient is in the study's row.
ALIASES: Mapping[QueryLevel, str] = {
    QueryLevel.PATIENT: "s",
    QueryLevel.STUDY: "s",
    QueryLevel.SERIES: "e",
    QueryLevel.IMAGE: "i",
}
_SOP_CLASS = BY_KEYWORD["SOPClassUID"]


@dataclass(frozen=True)
class Condition:
    """A condition in SQL with its parameters."""

    sql: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Check:
    """A column whose value has the last word."""

    column: str
    matches: Callable[[Any], bool]


def column_of(key: Key) -> str:
    """A key's column, in statements that name the tables by ALIASES."""
    return f"{ALIASES[key.level]}.{key.field}"


def conditions(asked: Question, vendor: str) -> tuple[list[Condition], list[Check]]:
    """What the database is to be asked, and what is left to check.

    Args:
        asked: the question.
        vendor: ``sqlite`` or ``postgresql``.

    Raises:
        InvalidQuery: it cannot be asked that.
    """
    found: list[Condition] = []
    checks: list[Check] = []
    below: list[Condition] = []
    lowest = asked.level
    level_rank = max(asked.level.rank, QueryLevel.STUDY.rank)
    for key, matcher in asked.wanted.items():
        if key.kind is Kind.SOP_CLASSES:
            found.append(_has_sop_class(matcher, vendor))
        elif key.level.rank > level_rank:
            below.append(_condition(key, matcher, vendor))
            lowest = max(lowest, key.level, key=lambda level: level.rank)
        else:
            found.append(_condition(key, matcher, vendor))
            checks += _checks(key, matcher)
    for moment in asked.moments:
        is_below = moment.date_key.level.rank > level_rank
        (below if is_below else found).append(_moment(moment))
        lowest = max(lowest, moment.date_key.level, key=lambda level: level.rank)
    if below:
        found.append(_exists_below(asked.level, lowest, below))
    return found, checks


def joined(parts: Iterable[Condition], word: str) -> Condition:
    """Several conditions as one; ``word`` is AND or OR."""
    parts = list(parts)
    sql = f" {word} ".join(part.sql for part in parts)
    return Condition(f"({sql})", tuple(param for part in parts for param in part.params))


def _checks(key: Key, matcher: Matcher) -> list[Check]:
    if isinstance(matcher, Name | FuzzyName):
        return [Check(column_of(key), matcher.matches)]
    if key.kind is Kind.LIST and isinstance(matcher, Wildcard):
        return [Check(column_of(key), lambda held: any(matcher.matches(value) for value in held.split("\\") if value))]
    return []


def _condition(key: Key, matcher: Matcher, vendor: str) -> Condition:
    column = column_of(key)
    if key.kind is Kind.LIST:
        return _list_condition(key, matcher, vendor)
    if key.kind is Kind.NUMBER:
        return _number_condition(column, matcher)
    found = Condition("1=1")  # of a fuzzy name the database knows nothing
    match matcher:
        case Empty():
            found = Condition(f"{column} = ''")
        case Single(value):
            found = Condition(f"{column} = %s", (value,))
        case OneOf(values):
            found = _one_of(column, values)
        case Moment():
            found = _one_of(column, matcher.values)
        case Range(first, last):
            found = _between(column, first, last)
        case Wildcard(pattern):
            found = _like(column, pattern, vendor)
        case Name():
            found = _like_either_case(column, f"*{_loose(matcher)}*", vendor)
    return found


def _one_of(column: str, values: tuple[str, ...]) -> Condition:
    return Condition(f"{column} IN ({','.join(['%s'] * len(values))})", values)


def _between(column: str, first: str | None, last: str | None) -> Condition:
    # Without a value it is in no range, but the empty text would sort before every bound.
    parts = [Condition(f"{column} >= %s", (first,)) if first else Condition(f"{column} > ''")]
    if last:
        parts.append(Condition(f"{column} <= %s", (last,)))
    return joined(parts, "AND")


def _moment(moment: DateTimeRange) -> Condition:
    date, time = column_of(moment.date_key), column_of(moment.time_key)
    parts = [_between(date, moment.date.first, moment.date.last)]
    if moment.date.first:
        sql = f"({date} > %s OR {time} >= %s)"
        parts.append(Condition(sql, (moment.date.first, moment.time.first)))
    if moment.date.last:
        sql = f"({date} < %s OR ({time} <= %s AND {time} > ''))"
        parts.append(Condition(sql, (moment.date.last, moment.time.last)))
    return joined(parts, "AND")


def _number_condition(column: str, matcher: Matcher) -> Condition:
    if isinstance(matcher, Empty):
        return Condition(f"{column} IS NULL")
    number = int(matcher.values[0]) if isinstance(matcher, OneOf) else -1
    return Condition(f"{column} = %s", (min(number, MAXIMUM_INTEGER),))


def _list_condition(key: Key, matcher: Matcher, vendor: str) -> Condition:
    column = column_of(key)
    patterns: tuple[str, ...] = ()
    match matcher:
        case Empty():
            return Condition(f"{column} = ''")
        case Wildcard(pattern):
            patterns = (pattern,)
        case Single(value):
            patterns = (value,)
        case OneOf(values):
            patterns = values
    if len(patterns) > MAXIMUM_OF_LIST_COLUMN:
        raise InvalidQuery(f"{key.keyword}: a list has at most {MAXIMUM_OF_LIST_COLUMN} values here", key.tag)
    return joined((_like(column, f"*\\{pattern}\\*", vendor) for pattern in patterns), "OR")


def _like(column: str, pattern: str, vendor: str) -> Condition:
    """The whole text is like a pattern, case and all: SQLite's LIKE takes no notice of case, its GLOB does."""
    if vendor == "sqlite":
        return Condition(f"{column} GLOB %s", (pattern.replace("[", "[[]"),))
    return Condition(f"{column} LIKE %s", (_for_like(pattern),))


def _like_either_case(column: str, pattern: str, vendor: str) -> Condition:
    if vendor == "sqlite":
        return Condition(f"{column} LIKE %s ESCAPE '\\'", (_for_like(pattern),))
    return Condition(f"{column} ILIKE %s", (_for_like(pattern),))


def _for_like(pattern: str) -> str:
    for special in "\\%_":
        pattern = pattern.replace(special, f"\\{special}")
    return pattern.replace("*", "%").replace("?", "_")


def _loose(name: Name) -> str:
    """A pattern of which every name that matches has a part that is like it, whatever the database folds."""
    longest = max(name.wanted.split("="), key=len)
    return "".join(character if character.isascii() else "?" for character in longest)


def _exists_below(level: QueryLevel, lowest: QueryLevel, below: list[Condition]) -> Condition:
    """There is one series, or one instance, in it that has all of these."""
    inner = joined(below, "AND")
    if level is QueryLevel.SERIES:
        source, outer = "studies_instance i", "i.series_id = e.id AND i.is_primary"
    elif lowest is QueryLevel.IMAGE:
        source = "studies_series e JOIN studies_instance i ON i.series_id = e.id"
        outer = "e.study_id = s.id AND i.is_primary"
    else:
        source, outer = "studies_series e", "e.study_id = s.id"
    return _exists(source, f"{outer} AND {inner.sql}", inner.params)


def _has_sop_class(matcher: Matcher, vendor: str) -> Condition:
    inner = _condition(_SOP_CLASS, matcher, vendor)
    # Names of its own within: at the level of instances both are those of the outer statement.
    sql = inner.sql.replace("i.", "ci.")
    source = "studies_instance ci JOIN studies_series ce ON ce.id = ci.series_id"
    return _exists(source, f"ce.study_id = s.id AND ci.is_primary AND {sql}", inner.params)


def _exists(source: str, where: str, params: tuple[Any, ...]) -> Condition:
    return Condition(f"EXISTS (SELECT 1 FROM {source} WHERE {where})", params)  # noqa: S608 (names of ours)
