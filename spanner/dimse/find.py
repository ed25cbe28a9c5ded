"""C-FIND answered from a federation: all of its sources are asked, and what they say is sent as one (PS3.4 C.4.1)."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from django.conf import settings
from django.db import DatabaseError

from dicomnet.find import FindFailed, FindRequest, FindStatus
from spanner.answers import Answer, tag_name, values_of
from spanner.dimse.questions import Asked, read_question
from spanner.errors import SpanFailed
from spanner.identifiers import encode_row
from spanner.merge import RETRIEVE_AE_TITLE, Merged, merge
from spanner.models import FailureStrategy, Source, SpanningConfig
from spanner.patience import with_ticks
from spanner.provenance import missing_in_short, retrieve_ae_titles
from spanner.search import check, is_complete, put_together, stream
from studies.errors import InvalidQuery
from studies.query.character_sets import repertoire
from studies.query.identifiers import QUERY_RETRIEVE_LEVEL
from studies.query.received import vr_of

logger = logging.getLogger(__name__)
COMMENT_LENGTH = 64  # VR LO
PAGE = 100


def find(config: SpanningConfig, request: FindRequest) -> "FederatedMatches":
    """Begin to answer a query.

    Raises:
        FindFailed: it cannot be answered.
    """
    try:
        return FederatedMatches(config, read_question(request), request, settings.GANTRY.find_limit)
    except InvalidQuery as error:
        raise FindFailed(FindStatus.IDENTIFIER_MISMATCH, str(error), error.tag) from error


class FederatedMatches:
    """What a federation has found, encoded as it is asked for (dicomnet.find.Matches)."""

    def __init__(self, config: SpanningConfig, asked: Asked, request: FindRequest, limit: int) -> None:
        self.ignores_keys = asked.ignores_keys
        self._config, self._asked, self._request, self._limit = config, asked, request, limit
        self._repertoire = repertoire(asked.character_set or "")

    def __iter__(self) -> Iterator[Sequence[bytes]]:
        """Pages of encoded identifiers; an empty one now and then while sources are waited for.

        Raises:
            FindFailed: there are more than the limit, or by the federation's strategy too few sources have answered.
        """
        left = self._limit
        try:
            for found in self._found():
                for start in range(0, max(1, min(len(found), left)), PAGE):
                    yield [self._encode(merged) for merged in found[:left][start : start + PAGE]]
                if len(found) > left:
                    words = f"more than {self._limit} matches, these are the first of them"
                    raise FindFailed(FindStatus.OUT_OF_RESOURCES, words)
                left -= len(found)
        except SpanFailed as failed:
            words = missing_in_short(failed.answers, COMMENT_LENGTH) or "the federation has no sources"
            raise FindFailed(FindStatus.UNABLE_TO_PROCESS, words) from failed
        except DatabaseError as error:
            logger.error("federated query not answered by the database", extra={"error_type": type(error).__name__})
            raise FindFailed(FindStatus.UNABLE_TO_PROCESS, "the database does not answer now") from error

    def _found(self) -> Iterator[list[Merged]]:
        """Matches as they can be said: at once where nothing is put together, else when all sources have answered.

        By the strategy strict nothing is said before it is certain that all have answered: the first matches of a list
        that fails are taken for the list by people who see them.
        """
        config, question = self._config, self._asked.question
        is_streamed = not config.deduplication_enabled and config.failure_strategy != FailureStrategy.STRICT
        answers: list[Answer] = []
        asked = stream(config, question, door="dimse", asked_by=self._request.calling_ae_title)
        for answer in with_ticks(asked):
            if answer is not None:
                answers.append(answer)
            yield merge(question.level, [answer], is_deduplicating=False) if answer and is_streamed else []
        if is_streamed:
            check(config, answers)
        else:
            yield put_together(config, question, answers).merged
        if not is_complete(answers):
            # A success has no room for a comment (PS3.7 C.1): by this strategy only the log knows it.
            missing = missing_in_short(answers, 400)
            logger.warning("federated query answered in part", extra={"federation": config.name, "missing": missing})

    def _encode(self, merged: Merged) -> bytes:
        row = {
            tag_name(tag): {"vr": vr_of(tag), "Value": list(self._values(merged, tag))}
            for tag in (QUERY_RETRIEVE_LEVEL, *self._asked.tags)
        }
        return encode_row(row, self._request.transfer_syntax_uid, self._repertoire)

    def _values(self, merged: Merged, tag: int) -> Iterable[object]:
        if tag == QUERY_RETRIEVE_LEVEL:
            return [self._asked.question.level.value]
        if tag == RETRIEVE_AE_TITLE:
            here = settings.GANTRY.ae_title
            return retrieve_ae_titles(self._request.called_ae_title, here, merged, self._sources)
        return values_of(merged.row, tag)

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {source.name: source for source in self._config.sources.all()}
