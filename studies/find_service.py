"""C-FIND answered from the archive: identifier in, identifiers out, a page at a time (PS3.4 C.4.1)."""

import logging
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from django.conf import settings
from django.db import DatabaseError, connection
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian

from dicomnet.find import PATIENT_STUDY_ONLY, STUDY_ROOT, FindFailed, FindOptions, FindRequest, FindStatus
from studies.character_sets import NAME_DELIMITERS, TEXT_DELIMITERS, CharacterSets, character_sets
from studies.errors import InvalidQuery
from studies.matching import Matcher, Universal, parse
from studies.query.character_sets import repertoire
from studies.query.identifiers import QUERY_RETRIEVE_LEVEL, SPECIFIC_CHARACTER_SET, TRANSLATED, Identifiers
from studies.query.keys import BY_TAG, Key, QueryLevel, is_returned
from studies.query.question import Question, check_hierarchy, question
from studies.query.search import Search

logger = logging.getLogger(__name__)
MAXIMUM_ELEMENTS = 2_000  # of an identifier
_DEFAULT_REPERTOIRE = CharacterSets()
_NO_KEYS = {SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL}
Element = DataElement | RawDataElement


@dataclass(frozen=True)
class Asked:
    """An identifier as it was read.

    Attributes:
        question: what is looked for.
        character_set: the value of its Specific Character Set; None when it has none.
        ignores_keys: it has keys that are neither matched nor returned.
    """

    question: Question
    character_set: str | None
    ignores_keys: bool


class ArchiveMatches:
    """What the archive has found, encoded as it is asked for (dicomnet.find.Matches)."""

    def __init__(self, asked: Asked, request: FindRequest, limit: int) -> None:
        self.ignores_keys = asked.ignores_keys
        self._search = Search(asked.question)
        self._encode = Identifiers(
            self._search,
            is_explicit=request.transfer_syntax_uid == ExplicitVRLittleEndian,
            terms=None if asked.character_set is None else repertoire(asked.character_set),
            retrieve_ae_title=request.called_ae_title,
        )
        self._limit = limit

    def __iter__(self) -> Iterator[Sequence[bytes]]:
        """Pages of encoded identifiers.

        Raises:
            FindFailed: there are more than the limit, or the database does not answer.
        """
        left = self._limit
        try:
            for rows in self._search.pages():
                yield self._encode.all(rows[:left])
                if len(rows) > left:
                    words = f"more than {self._limit} matches, these are the first of them"
                    raise FindFailed(FindStatus.OUT_OF_RESOURCES, words)
                left -= len(rows)
        except DatabaseError as error:
            connection.close()  # it may be of no use any more
            logger.error("query not answered by the database", extra={"error_type": type(error).__name__})
            raise FindFailed(FindStatus.UNABLE_TO_PROCESS, "the database does not answer now") from error


def find(request: FindRequest) -> ArchiveMatches:
    """Begin to answer a query.

    Raises:
        FindFailed: it cannot be answered.
    """
    try:
        asked = read_identifier(request)
        return ArchiveMatches(asked, request, settings.GANTRY.find_limit)
    except InvalidQuery as error:
        raise FindFailed(FindStatus.IDENTIFIER_MISMATCH, str(error), error.tag) from error


def read_identifier(request: FindRequest) -> Asked:
    """What an identifier asks.

    Raises:
        InvalidQuery: it is no identifier of this model, or asks what cannot be.
    """
    elements = _decode(request)
    level = _level(elements.get(BaseTag(QUERY_RETRIEVE_LEVEL)), request.sop_class_uid)
    terms = _text(elements.get(BaseTag(SPECIFIC_CHARACTER_SET)), "CS", _DEFAULT_REPERTOIRE).split("\\")
    character_set = "\\".join(term.strip("\0 ") for term in terms)
    sets = character_sets(character_set.encode("ascii", "replace"))
    matchers: dict[Key, Matcher] = {}
    ignores_keys = False
    for tag, found in elements.items():
        if tag in _NO_KEYS or tag.element == 0:
            continue
        key = BY_TAG.get(tag)
        if key is None:
            ignores_keys = True
            continue
        matcher = _matcher(key, _text(found, key.vr, sets), request.options)
        ignores_keys |= not (is_returned(level, key) or key.is_matched)
        ignores_keys |= not key.is_matched and not isinstance(matcher, Universal)
        matchers[key] = matcher if key.is_matched else Universal()
    if not request.options.relational:
        root = QueryLevel.PATIENT if request.sop_class_uid != STUDY_ROOT else QueryLevel.STUDY
        check_hierarchy(level, root, matchers)
    asked = question(level, matchers, matchers, combine_date_time=request.options.date_time)
    return Asked(asked, character_set or None, ignores_keys)


def _decode(request: FindRequest) -> dict[BaseTag, Element]:
    """The elements as they came: pydicom decodes a value when it is touched, which costs more than the query."""
    is_implicit = request.transfer_syntax_uid != ExplicitVRLittleEndian
    try:
        ds = read_dataset(BytesIO(request.identifier), is_implicit, True)
    except Exception as error:  # pydicom raises whatever the peer's bytes make it
        raise InvalidQuery("the identifier cannot be decoded") from error
    if len(ds) > MAXIMUM_ELEMENTS:
        raise InvalidQuery(f"the identifier has more than {MAXIMUM_ELEMENTS} elements")
    return dict(ds.items())


def _level(element: Element | None, model: str) -> QueryLevel:
    text = _text(element, "CS", _DEFAULT_REPERTOIRE).strip("\0 ")
    found = QueryLevel(text) if text in set(QueryLevel) else None
    if found is None:
        raise InvalidQuery("Query/Retrieve Level is missing or unknown", QUERY_RETRIEVE_LEVEL)
    is_above = model == STUDY_ROOT and found is QueryLevel.PATIENT
    if is_above or (model == PATIENT_STUDY_ONLY and found.rank > QueryLevel.STUDY.rank):
        raise InvalidQuery("this model has no such Query/Retrieve Level", QUERY_RETRIEVE_LEVEL)
    return found


def _matcher(key: Key, value: str, options: FindOptions) -> Matcher:
    try:
        return parse(key.vr, value, fuzzy=options.fuzzy, is_list=key.is_list)
    except InvalidQuery as error:
        raise InvalidQuery(f"{key.keyword}: {error}", key.tag) from error


def _text(found: Element | None, vr: str, sets: CharacterSets) -> str:
    """The value as text, before anything is made of it; values of a list are separated by backslashes."""
    value = found.value if found is not None else None
    if not isinstance(value, bytes):
        return ""  # without value, or a sequence, which none of the keys is
    if vr == "US":
        return "\\".join(map(str, struct.unpack(f"<{len(value) // 2}H", value[: len(value) // 2 * 2])))
    delimiters = NAME_DELIMITERS if vr == "PN" else TEXT_DELIMITERS
    return (sets if vr in TRANSLATED else _DEFAULT_REPERTOIRE).text(value, delimiters).text
