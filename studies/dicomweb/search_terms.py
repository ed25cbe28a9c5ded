"""What stands in the query of a search's address, whoever is asked: the archive, or many (PS3.18 8.3.4).

Strict, since a parameter that is ignored answers with too much. An attribute is named by its keyword, its tag in eight
digits, or a path of these with points between them.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl

from pydicom.datadict import keyword_dict, tag_for_keyword
from rest_framework.exceptions import ValidationError

MAXIMUM_PARAMETERS = 100
MAXIMUM_RESULTS = 5_000  # of one response
ALL = "all"
NO_MULTIPLE = "The multiplevaluematching parameter is not supported. Multiple Value Matching has not been performed."
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_LONGEST, _MOST = 18, 2**62  # what databases take as a number


@dataclass(frozen=True)
class Terms:
    """What a search asks, in words.

    Attributes:
        values: by the name of an attribute, as it was written.
        fields: names of attributes to return besides; ``all`` among them.
        order: names of attributes with whether they descend.
        limit: as asked.
        is_fuzzy: names are to be found that sound alike.
        is_multiple: lists of values are to be taken as such.
    """

    values: dict[str, str]
    fields: tuple[str, ...]
    order: tuple[tuple[str, bool], ...]
    limit: int
    offset: int
    is_fuzzy: bool
    is_multiple: bool


def read_terms(query: str, *, limit: int, others: Collection[str] = ()) -> Terms:
    """Read the query component of a search's address.

    Args:
        query: as it was sent.
        limit: of a search that names none.
        others: parameters that are looked at elsewhere.

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
    for name in others:
        values.pop(name, None)
    is_fuzzy, is_multiple = _switch(values, "fuzzymatching"), _switch(values, "multiplevaluematching")
    _switch(values, "emptyvaluematching")  # two quotation marks ask for no value whether it is on or not
    first, offset = _number(values, "limit", limit), _number(values, "offset", 0)
    order = [(name.removeprefix("-"), name.startswith("-")) for name in values.pop("orderby", "").split(",") if name]
    return Terms(values, tuple(filter(None, fields)), tuple(order), first, offset, is_fuzzy, is_multiple)


def tag_of(name: str, parameter: str) -> int | None:
    """The tag of an attribute; None for one within a sequence.

    Raises:
        ValidationError: it names no attribute of the standard; by the name of the parameter.
    """
    steps = name.split(".")
    if not all(_TAG.fullmatch(step) or step in keyword_dict for step in steps):
        raise ValidationError({parameter: ["There is no such parameter, nor an attribute of this keyword or tag."]})
    if len(steps) > 1:
        return None
    return int(name, 16) if _TAG.fullmatch(name) else tag_for_keyword(name)


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
