"""C-GET and C-MOVE from a federation: what is elsewhere is brought here first, then sent as the archive sends (C.4.2).

A study that cannot be brought is one sub-operation that failed, since nobody here knows how many instances it has; the
others are sent. So is, of a patient, what sources may have that did not answer.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace

from django.db import DatabaseError, connection

from dicomnet.retrieval import Retrieval, RetrieveRefused, RetrieveRequest, RetrieveStatus, Unavailable
from dicomnet.scu.outgoing import Outgoing
from spanner.answers import Answer, text_of
from spanner.bring import begin
from spanner.errors import NotBrought, SpanFailed
from spanner.models import SpanningConfig
from spanner.patience import TICK_SECONDS, with_ticks
from spanner.provenance import missing_in_short
from spanner.question import PATIENT_ID, STUDY_UID, question
from spanner.search import put_together, stream
from studies.query.keys import QueryLevel
from studies.retrieve_keys import RetrieveKeys, parse_keys
from studies.retrieve_service import stored

COMMENT_LENGTH = 64  # VR LO


def retrieve(config: SpanningConfig, request: RetrieveRequest) -> Retrieval:
    """The instances that an identifier names, once they are here.

    Raises:
        RetrieveRefused: a key is missing or makes no sense, nothing of it can be brought, or it was cancelled.
    """
    keys = parse_keys(request.identifier, request.root, is_relational=request.is_relational)
    reasons: list[str] = []
    try:
        uids = _studies(config, keys, request, reasons)
        keys = _as_here(config, keys)
    except DatabaseError as error:
        raise RetrieveRefused(RetrieveStatus.PROCESSING_FAILURE, "the database does not answer now") from error
    finally:
        connection.close()  # bringing may take an hour
    for uid in uids:
        try:
            _wait(begin(config, uid, by=request.calling_ae_title), request)
        except NotBrought as refused:
            reasons.append(str(refused))
    found = stored(keys)
    return _Partly(found, reasons) if reasons else found


class _Partly:
    """What is here of what was named (dicomnet.retrieval.Retrieval)."""

    def __init__(self, found: Retrieval, reasons: Sequence[str]) -> None:
        self.level, self.uids, self.contexts = found.level, found.uids, found.contexts
        self.count = found.count + len(reasons)
        self._found, self._reasons = found, reasons

    def __iter__(self) -> Iterator[Outgoing | Unavailable]:
        yield from (Unavailable("", reason) for reason in self._reasons)
        yield from self._found


def _studies(config: SpanningConfig, keys: RetrieveKeys, request: RetrieveRequest, reasons: list[str]) -> Sequence[str]:
    """UIDs of the studies in which all of it is; none where it is not said, so that only what is here is sent.

    Args:
        config: the federation.
        keys: what is named.
        request: by which.
        reasons: is added to when there may be more.
    """
    if keys.level != QueryLevel.PATIENT:
        return keys.named.get(STUDY_UID, ())
    answers: list[Answer] = []
    asked = question(QueryLevel.STUDY, {PATIENT_ID: keys.named[PATIENT_ID][0]})
    for answer in with_ticks(stream(config, asked, door="dimse", asked_by=request.calling_ae_title)):
        if answer is not None:
            answers.append(answer)
        _go_on(request)
    try:
        merged = put_together(config, asked, answers).merged
    except SpanFailed as failed:
        words = missing_in_short(failed.answers, COMMENT_LENGTH)
        raise RetrieveRefused(RetrieveStatus.CANNOT_COUNT, words) from failed
    reasons += filter(None, [missing_in_short(answers, COMMENT_LENGTH)])
    return list(dict.fromkeys(text_of(one.row, STUDY_UID) for one in merged))


def _as_here(config: SpanningConfig, keys: RetrieveKeys) -> RetrieveKeys:
    """The same keys with the patient ID also as its sources write it: the federation may know it with a prefix."""
    if PATIENT_ID not in keys.named:
        return keys
    asked = keys.named[PATIENT_ID]
    prefixes = config.sources.exclude(patient_id_prefix="").values_list("patient_id_prefix", flat=True)
    bare = [value.removeprefix(prefix) for value in asked for prefix in prefixes if value.startswith(prefix) and prefix]
    return replace(keys, named=keys.named | {PATIENT_ID: tuple(dict.fromkeys([*asked, *filter(None, bare)]))})


def _wait(future: "Future[None]", request: RetrieveRequest) -> None:
    while True:
        try:
            future.result(timeout=TICK_SECONDS)
        except NotYet:
            _go_on(request)
        else:
            return


def _go_on(request: RetrieveRequest) -> None:
    if not request.is_wanted():
        raise RetrieveRefused(RetrieveStatus.CANCELLED, "")
