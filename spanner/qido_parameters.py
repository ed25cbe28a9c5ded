"""The query parameters of a federated search, as a question to archives of all kinds (PS3.18 8.3.4, 10.6)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from rest_framework.exceptions import ValidationError

from spanner.question import STUDY_UID, Question, matcher_of, question
from studies.dicomweb.qido_parameters import every_key, key_text, matched_key
from studies.dicomweb.search_terms import ALL, MAXIMUM_RESULTS, NO_MULTIPLE, read_terms, tag_of
from studies.errors import InvalidQuery
from studies.query.keys import BY_KEYWORD, BY_TAG, Key, QueryLevel, is_returned

_NO_FUZZY = "The fuzzymatching parameter is not supported. Only literal matching has been performed."


@dataclass(frozen=True)
class Parameters:
    """What a search asks.

    Attributes:
        question: to the federation.
        order: tags with whether they descend; empty: in the order of pages.
        limit: results at most, as asked and as we let it.
        warnings: sentences for the header Warning.
    """

    question: Question
    order: tuple[tuple[int, bool], ...]
    limit: int
    offset: int
    warnings: tuple[str, ...]


def read_parameters(
    query: str, level: QueryLevel, *, in_path: Mapping[int, str] | None = None, others: Collection[str] = ()
) -> Parameters:
    """Read the query component of a search's address.

    Args:
        query: as it was sent.
        level: of the matches.
        in_path: values that stand in the address itself, by tag.
        others: parameters that are looked at elsewhere.

    Raises:
        ValidationError: by the name of the parameter that cannot be meant so.
    """
    terms = read_terms(query, limit=MAXIMUM_RESULTS, others=others)
    names: dict[int, str] = {}
    wanted: dict[int, str] = dict(in_path or {})
    for name, value in terms.values.items():
        key = _wanted_key(name, level)
        if key.tag in wanted:
            is_again = key.tag in names
            raise ValidationError({name: ["It is given more than once." if is_again else "It stands in the address."]})
        names[key.tag], wanted[key.tag] = name, key_text(key, value)
    asked = set(_asked(terms.fields, level))
    order = tuple(_order(terms.order, level))
    asked.update(tag for tag, _ in order)
    warnings = [_NO_FUZZY] * terms.is_fuzzy + [NO_MULTIPLE] * terms.is_multiple
    found = _question(level, wanted, asked, names)
    return Parameters(found, order, min(terms.limit, MAXIMUM_RESULTS), terms.offset, tuple(warnings))


def _question(level: QueryLevel, wanted: Mapping[int, str], asked: Iterable[int], names: Mapping[int, str]) -> Question:
    for tag, name in names.items():
        try:
            matcher_of(tag, wanted[tag])
        except InvalidQuery as error:
            raise ValidationError({name: [f"{error}."]}) from error
    try:
        return question(level, wanted, asked)
    except InvalidQuery as error:
        name = names.get(error.tag or 0) or ("StudyInstanceUID" if error.tag == STUDY_UID else "query")
        words = str(error)
        raise ValidationError({name: [f"{words[0].upper()}{words[1:]}."]}) from error


def _wanted_key(name: str, level: QueryLevel) -> Key:
    """The key of a value.

    Archives pass over a key that is below the level of a query, and answer with more than was asked for; so it is
    refused.
    """
    key = matched_key(name)
    if key.keyword == "Modality" and level is QueryLevel.STUDY:
        return BY_KEYWORD["ModalitiesInStudy"]
    if key.level.rank > level.rank:
        raise ValidationError({name: ["Archives do not find matches of this level by it: search at a lower level."]})
    return key


def _asked(names: Iterable[str], level: QueryLevel) -> Iterable[int]:
    for name in names:
        if name == ALL:
            yield from (key.tag for key in every_key(level))
            continue
        tag = tag_of(name, "includefield")
        key = BY_TAG.get(tag) if tag else None
        if tag is not None and (key is None or is_returned(level, key)):
            yield tag


def _order(names: Iterable[tuple[str, bool]], level: QueryLevel) -> Iterable[tuple[int, bool]]:
    for name, descends in names:
        tag = tag_of(name, "orderby")
        key = BY_TAG.get(tag) if tag else None
        if tag is None or (key is not None and (not is_returned(level, key) or key.is_list)):
            raise ValidationError({"orderby": ["Matches of this level cannot be put in order by this attribute."]})
        yield tag, descends
