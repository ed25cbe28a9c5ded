"""The query parameters of a search: strict, since one that is ignored answers with too much (PS3.18 8.3.4).

Pure but for the table of keys. An attribute is named by its keyword, its tag in eight digits, or a path of these with
points between them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from pydicom.datadict import keyword_dict
from rest_framework.exceptions import ValidationError

from studies.errors import InvalidQuery
from studies.matching import Matcher, parse
from studies.query.keys import BY_KEYWORD, BY_TAG, Key, Kind, QueryLevel, is_returned

MAXIMUM_PARAMETERS = 100
MAXIMUM_RESULTS = 5_000  # of one response
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NO_MULTIPLE = "The multiplevaluematching parameter is not supported. Multiple Value Matching has not been performed."
_LONGEST, _MOST = 18, 2**62  # what databases take as a number
_ELSEWHERE = {"accept"}  # looked at where the form of the answer is chosen
ALL = "all"


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
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAXIMUM_PARAMETERS, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise ValidationError({"query": [f"Give at most {MAXIMUM_PARAMETERS} parameters, in UTF-8."]}) from error
    values: dict[str, str] = {}
    fields: list[str] = []
    for name, value in pairs:
        if name == "includefield":
            fields += value.split(",")
        elif name in values:
            raise ValidationError({name: ["It is given more than once."]})
        else:
            values[name] = value
    is_fuzzy, is_multiple = _switch(values, "fuzzymatching"), _switch(values, "multiplevaluematching")
    _switch(values, "emptyvaluematching")  # two quotation marks ask for no value whether it is on or not
    limit, offset = _number(values, "limit", MAXIMUM_RESULTS), _number(values, "offset", 0)
    order = tuple(_order(values.pop("orderby", ""), level))
    return Parameters(
        matchers=dict(_matchers(values, fuzzy=is_fuzzy)),
        include=tuple(_include(fields, level)),
        order=order,
        limit=min(limit, MAXIMUM_RESULTS),
        offset=offset,
        warnings=(_NO_MULTIPLE,) if is_multiple else (),
    )


def _matchers(values: dict[str, str], *, fuzzy: bool) -> Iterable[tuple[Key, Matcher]]:
    seen: set[Key] = set()
    for name, value in values.items():
        if name in _ELSEWHERE:
            continue
        key = _key(name, name)
        if key is None or not key.is_matched:
            raise ValidationError({name: ["Searches are not possible by this attribute."]})
        if key in seen:
            raise ValidationError({name: ["It is given more than once."]})
        seen.add(key)
        if key.vr == "UI" or key.is_list:
            value = value.replace(",", "\\")  # noqa: PLW2901 (a list is written with commas here)
        try:
            yield key, parse(key.vr, value, fuzzy=fuzzy, is_list=key.is_list)
        except InvalidQuery as error:
            raise ValidationError({name: [f"{str(error).capitalize()}."]}) from error


def _include(names: Iterable[str], level: QueryLevel) -> Iterable[Key]:
    for name in names:
        if name == ALL:
            yield from (key for key in BY_TAG.values() if is_returned(level, key) and key.kind is not Kind.SOP_CLASSES)
        elif name:
            key = _key(name, "includefield")
            if key is not None and is_returned(level, key):
                yield key


def _order(text: str, level: QueryLevel) -> Iterable[tuple[Key, bool]]:
    for name in filter(None, text.split(",")):
        key = _key(name.removeprefix("-"), "orderby")
        if key is None or not key.field or not is_returned(level, key) or key.is_list:
            raise ValidationError({"orderby": ["Matches of this level cannot be put in order by this attribute."]})
        yield key, name.startswith("-")


def _key(name: str, parameter: str) -> Key | None:
    """The key of an attribute; None for one that the archive does not index.

    Raises:
        ValidationError: it names no attribute of the standard.
    """
    steps = name.split(".")
    if not all(_TAG.fullmatch(step) or step in keyword_dict for step in steps):
        raise ValidationError({parameter: ["There is no such parameter, nor an attribute of this keyword or tag."]})
    if len(steps) > 1:
        return None  # no sequence is indexed
    return BY_KEYWORD.get(name) or BY_TAG.get(int(name, 16) if _TAG.fullmatch(name) else -1)


def _switch(values: dict[str, str], name: str) -> bool:
    value = values.pop(name, "false")
    if value not in {"true", "false"}:
        raise ValidationError({name: ["Give true or false."]})
    return value == "true"


def _number(values: dict[str, str], name: str, default: int) -> int:
    value = values.pop(name, str(default))
    if not value.isascii() or not value.isdecimal():
        raise ValidationError({name: ["Give a whole number, 0 or more."]})
    return min(int(value[:_LONGEST]), _MOST) if len(value) <= _LONGEST else _MOST
