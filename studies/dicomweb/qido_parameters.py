"""The query parameters of a search of the archive, as keys that it indexes (PS3.18 8.3.4).

Pure but for the table of keys.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rest_framework.exceptions import ValidationError

from studies.dicomweb.search_terms import ALL, MAXIMUM_RESULTS, NO_MULTIPLE, read_terms, tag_of
from studies.errors import InvalidQuery
from studies.matching import Matcher, parse
from studies.query.keys import BY_TAG, Key, Kind, QueryLevel, is_returned

_ELSEWHERE = ("accept",)  # looked at where the form of the answer is chosen


@dataclass(frozen=True)
class Parameters:
    """What a search asks.

    Attributes:
        matchers: by key.
        include: further attributes to return.
        order: keys with whether they descend.
        limit: results at most, as asked and as we let it.
        warnings: sentences for the header Warning.
    """

    matchers: dict[Key, Matcher]
    include: tuple[Key, ...] = ()
    order: tuple[tuple[Key, bool], ...] = ()
    limit: int = MAXIMUM_RESULTS
    offset: int = 0
    warnings: tuple[str, ...] = field(default=())


def read_parameters(query: str, level: QueryLevel) -> Parameters:
    """Read the query component of a search's address.

    Raises:
        ValidationError: by the name of the parameter that cannot be meant so.
    """
    terms = read_terms(query, limit=MAXIMUM_RESULTS, others=_ELSEWHERE)
    order = tuple(_order(terms.order, level))
    return Parameters(
        matchers=dict(_matchers(terms.values, fuzzy=terms.is_fuzzy)),
        include=tuple(_include(terms.fields, level)),
        order=order,
        limit=min(terms.limit, MAXIMUM_RESULTS),
        offset=terms.offset,
        warnings=(NO_MULTIPLE,) if terms.is_multiple else (),
    )


def matched_key(name: str) -> Key:
    """The key of an attribute that searches are possible by.

    Raises:
        ValidationError: there are none.
    """
    key = _key(name, name)
    if key is None or not key.is_matched:
        raise ValidationError({name: ["Searches are not possible by this attribute."]})
    return key


def key_text(key: Key, value: str) -> str:
    """A value as an identifier has it: there a list is written with backslashes, here with commas."""
    return value.replace(",", "\\") if key.vr == "UI" or key.is_list else value


def _matchers(values: Mapping[str, str], *, fuzzy: bool) -> Iterable[tuple[Key, Matcher]]:
    seen: set[Key] = set()
    for name, value in values.items():
        key = matched_key(name)
        if key in seen:
            raise ValidationError({name: ["It is given more than once."]})
        seen.add(key)
        try:
            yield key, parse(key.vr, key_text(key, value), fuzzy=fuzzy, is_list=key.is_list)
        except InvalidQuery as error:
            raise ValidationError({name: [f"{str(error).capitalize()}."]}) from error


def _include(names: Iterable[str], level: QueryLevel) -> Iterable[Key]:
    for name in names:
        if name == ALL:
            yield from every_key(level)
        else:
            key = _key(name, "includefield")
            if key is not None and is_returned(level, key):
                yield key


def every_key(level: QueryLevel) -> Iterable[Key]:
    """All that matches of a level can be asked for at once; what costs a look at every instance is not among it."""
    return (key for key in BY_TAG.values() if is_returned(level, key) and key.kind is not Kind.SOP_CLASSES)


def _order(names: Iterable[tuple[str, bool]], level: QueryLevel) -> Iterable[tuple[Key, bool]]:
    for name, descends in names:
        key = _key(name, "orderby")
        if key is None or not key.field or not is_returned(level, key) or key.is_list:
            raise ValidationError({"orderby": ["Matches of this level cannot be put in order by this attribute."]})
        yield key, descends


def _key(name: str, parameter: str) -> Key | None:
    """The key of an attribute; None for one that the archive does not index.

    Raises:
        ValidationError: it names no attribute of the standard.
    """
    tag = tag_of(name, parameter)
    return None if tag is None else BY_TAG.get(tag)
