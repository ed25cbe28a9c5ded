"""C-FIND answered from the archive: identifier in, identifiers out, a page at a time (PS3.4 C.4.1)."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection
from pydicom.uid import ExplicitVRLittleEndian

from dicomnet.find import FindFailed, FindOptions, FindRequest, FindStatus
from studies.errors import InvalidQuery
from studies.matching import Matcher, Universal, parse
from studies.query.character_sets import repertoire
from studies.query.identifiers import Identifiers
from studies.query.keys import BY_TAG, Key, is_returned
from studies.query.question import Question, check_hierarchy, question
from studies.query.received import read_identifier, root_of
from studies.query.search import Search

logger = logging.getLogger(__name__)


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
        asked = read_question(request)
        return ArchiveMatches(asked, request, settings.GANTRY.find_limit)
    except InvalidQuery as error:
        raise FindFailed(FindStatus.IDENTIFIER_MISMATCH, str(error), error.tag) from error


def read_question(request: FindRequest) -> Asked:
    """What an identifier asks of the archive.

    Raises:
        InvalidQuery: it is no identifier of this model, or asks what cannot be.
    """
    identifier = read_identifier(request)
    matchers: dict[Key, Matcher] = {}
    ignores_keys = False
    for tag, value in identifier.values.items():
        key = BY_TAG.get(tag)
        if key is None:
            ignores_keys = True
            continue
        matcher = _matcher(key, value, request.options)
        ignores_keys |= not (is_returned(identifier.level, key) or key.is_matched)
        ignores_keys |= not key.is_matched and not isinstance(matcher, Universal)
        matchers[key] = matcher if key.is_matched else Universal()
    if not request.options.relational:
        check_hierarchy(identifier.level, root_of(request.sop_class_uid), matchers)
    asked = question(identifier.level, matchers, matchers, combine_date_time=request.options.date_time)
    return Asked(asked, identifier.character_set, ignores_keys)


def _matcher(key: Key, value: str, options: FindOptions) -> Matcher:
    try:
        return parse(key.vr, value, fuzzy=options.fuzzy, is_list=key.is_list)
    except InvalidQuery as error:
        raise InvalidQuery(f"{key.keyword}: {error}", key.tag) from error
