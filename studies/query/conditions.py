"""A question as conditions of the database, and as checks of what it returns where it cannot say it exactly.

The database may find too much and never too little: case of letters beyond ASCII, groups of names and values within a
list are decided by the matchers themselves, so that SQLite and PostgreSQL give the same answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from studies.errors import InvalidQuery
from studies.lookups import Like, Wildcard
from studies.matching import (
    Empty,
    FuzzyName,
    Matcher,
    Moment,
    Name,
    OneOf,
    Range,
    Single,
)
from studies.matching import Wildcard as Pattern
from studies.models import Instance, Series
from studies.query.keys import BY_KEYWORD, Key, Kind, QueryLevel
from studies.query.question import DateTimeRange, Question

MAXIMUM_OF_LIST_COLUMN = 50  # SQLite takes 1,000 terms in one expression

# The way from the model of a level to the field of one above; the patient is in the study's row.
_WAYS: Mapping[QueryLevel, Mapping[QueryLevel, str]] = {
    QueryLevel.PATIENT: {QueryLevel.PATIENT: "", QueryLevel.STUDY: ""},
    QueryLevel.STUDY: {QueryLevel.PATIENT: "", QueryLevel.STUDY: ""},
    QueryLevel.SERIES: {QueryLevel.PATIENT: "study__", QueryLevel.STUDY: "study__", QueryLevel.SERIES: ""},
    QueryLevel.IMAGE: {
        QueryLevel.PATIENT: "series__study__",
        QueryLevel.STUDY: "series__study__",
        QueryLevel.SERIES: "series__",
        QueryLevel.IMAGE: "",
    },
}


@dataclass(frozen=True)
class Check:
    """A column whose value has the last word."""

    column: str
    matches: Callable[[Any], bool]


@dataclass(frozen=True)
class Conditions:
    """What the database is asked, and what is left to check."""

    where: Q
    checks: tuple[Check, ...]


def column_of(level: QueryLevel, key: Key) -> str:
    """The way from the model of a level to a key's column at that level or above."""
    return _WAYS[level][key.level] + key.field


def conditions(asked: Question) -> Conditions:
    """What the database is to be asked.

    Raises:
        InvalidQuery: it cannot be asked that.
    """
    where = Q()
    checks: list[Check] = []
    below: dict[Key, Matcher | DateTimeRange] = {}
    for key, matcher in asked.wanted.items():
        if key.kind is Kind.SOP_CLASSES:
            where &= _has_sop_class(asked.level, matcher)
        elif key.level not in _WAYS[asked.level]:
            below[key] = matcher
        else:
            column = column_of(asked.level, key)
            where &= _condition(key, column, matcher)
            checks += _checks(key, column, matcher)
    for moment in asked.moments:
        if moment.date_key.level in _WAYS[asked.level]:
            where &= _moment(moment, _WAYS[asked.level][moment.date_key.level])
        else:
            below[moment.date_key] = moment
    if below:
        where &= _exists_below(asked.level, below)
    return Conditions(where, tuple(checks))


def _checks(key: Key, column: str, matcher: Matcher) -> list[Check]:
    if isinstance(matcher, Name | FuzzyName):
        return [Check(column, matcher.matches)]
    if key.kind is Kind.LIST and isinstance(matcher, Pattern):
        return [Check(column, lambda held: any(matcher.matches(value) for value in held.split("\\") if value))]
    return []


def _condition(key: Key, column: str, matcher: Matcher) -> Q:
    if key.kind is Kind.LIST:
        return _list_condition(key, column, matcher)
    if key.kind is Kind.NUMBER:
        return _number_condition(column, matcher)
    found = Q()  # of a fuzzy name the database knows nothing
    match matcher:
        case Empty():
            found = Q(**{column: ""})
        case Single(value):
            found = Q(**{column: value})
        case OneOf(values):
            found = Q(**{f"{column}__in": values})
        case Moment():
            found = Q(**{f"{column}__in": matcher.values})
        case Range(first, last):
            found = _between(column, first, last)
        case Pattern(pattern):
            found = Q(Like(F(column), pattern))
        case Name():
            found = Q(Wildcard(F(column), _loose(matcher)))
    return found


def _between(column: str, first: str | None, last: str | None) -> Q:
    # Without a value it is in no range, but the empty text would sort before every bound.
    lower = Q(**{f"{column}__gte": first}) if first else Q(**{f"{column}__gt": ""})
    return lower & Q(**{f"{column}__lte": last}) if last else lower


def _moment(moment: DateTimeRange, way: str) -> Q:
    date, time = way + moment.date_key.field, way + moment.time_key.field
    found = _between(date, moment.date.first, moment.date.last)
    if moment.date.first:
        found &= Q(**{f"{date}__gt": moment.date.first}) | Q(**{f"{time}__gte": moment.time.first})
    if moment.date.last:
        found &= Q(**{f"{date}__lt": moment.date.last}) | (
            Q(**{f"{time}__lte": moment.time.last}) & Q(**{f"{time}__gt": ""})
        )
    return found


def _number_condition(column: str, matcher: Matcher) -> Q:
    if isinstance(matcher, Empty):
        return Q(**{f"{column}__isnull": True})
    number = int(matcher.values[0]) if isinstance(matcher, OneOf) else -1
    return Q(**{column: min(number, 2**31 - 1)})


def _list_condition(key: Key, column: str, matcher: Matcher) -> Q:
    if isinstance(matcher, Empty):
        return Q(**{column: ""})
    patterns = [matcher.pattern] if isinstance(matcher, Pattern) else _values(matcher)
    if len(patterns) > MAXIMUM_OF_LIST_COLUMN:
        raise InvalidQuery(f"more than {MAXIMUM_OF_LIST_COLUMN} values of {key.keyword} are not matched", key.tag)
    found = Q()
    for pattern in patterns:
        found |= Q(Like(F(column), f"*\\{pattern}\\*"))
    return found


def _values(matcher: Matcher) -> list[str]:
    if isinstance(matcher, Single):
        return [matcher.value]
    return list(matcher.values) if isinstance(matcher, OneOf) else []


def _loose(name: Name) -> str:
    """A pattern of which every name that matches has a part that is like it, whatever the database folds."""
    longest = max(name.wanted.split("="), key=len)
    return "".join(character if character.isascii() else "?" for character in longest)


def _exists_below(level: QueryLevel, below: Mapping[Key, Matcher | DateTimeRange]) -> Q:
    """There is one series or instance in it that has all of these; instances are only looked at where they must be."""
    of_image = any(key.level is QueryLevel.IMAGE for key in below)
    base = QueryLevel.IMAGE if of_image else QueryLevel.SERIES
    inner = Q(is_primary=True) if of_image else Q()
    for key, matcher in below.items():
        if isinstance(matcher, DateTimeRange):
            inner &= _moment(matcher, _WAYS[base][key.level])
        else:
            inner &= _condition(key, column_of(base, key), matcher)
    up = "series" if level is QueryLevel.SERIES else "series__study" if of_image else "study"
    model: Any = Instance if of_image else Series
    return Q(Exists(model.objects.order_by().filter(inner, **{up: OuterRef("pk")})))


def _has_sop_class(level: QueryLevel, matcher: Matcher) -> Q:
    study = {QueryLevel.SERIES: "study", QueryLevel.IMAGE: "series__study"}.get(level, "pk")
    inner = _condition(_SOP_CLASS, _SOP_CLASS.field, matcher) & Q(is_primary=True)
    return Q(Exists(Instance.objects.order_by().filter(inner, series__study=OuterRef(study))))


_SOP_CLASS = BY_KEYWORD["SOPClassUID"]
