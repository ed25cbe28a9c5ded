"""Ask an archive by C-FIND, over associations that stay open (PS3.4 C.4.1)."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from dicomnet.find import PATIENT_ROOT, STUDY_ROOT, FindStatus
from dicomnet.scu.association import Peer, PeerError
from dicomnet.scu.call import peer_at
from dicomnet.scu.find import FindLimits, FindRefused, Query, find_pool
from dicomnet.scu.pool import AssociationPool
from spanner.answers import Row, text_of
from spanner.errors import SourceFailed, SourceSlow
from spanner.identifiers import OverlongQuestion, UnreadableMatch, decode, encode
from spanner.models import Source
from spanner.question import SERIES_UID, STUDY_UID, Question, matcher_of
from spanner.slices import Batch
from studies.matching import Single
from studies.query.keys import QueryLevel

MAXIMUM_BYTES = 64 << 20  # of one answer
MAXIMUM_SERIES = 200  # that are asked for their instances one by one
LOOKED_UP_SECONDS = 30
LINES = 64  # of one peer; how many are used is the lane's to say (spanner.lanes)


_peers: dict[int, tuple[tuple[object, ...], float, Peer]] = {}


@cache
def pool() -> AssociationPool:
    """Open associations of this process."""
    return find_pool(per_peer=LINES)


def peer_of(source: Source) -> Peer:
    """Whom to call; where that is, is looked up again after a while.

    A name that has several addresses would be another peer at each question, to whom no association is open.

    Raises:
        PeerError: it is none that Gantry calls.
    """
    key, now = (source.updated_at, source.host, source.port), time.monotonic()
    known = _peers.get(source.pk)
    if known is None or known[0] != key or now - known[1] > LOOKED_UP_SECONDS:
        known = _peers[source.pk] = (key, now, _look_up(source))
    return known[2]


def _look_up(source: Source) -> Peer:
    found = peer_at(
        source.host,
        source.port,
        ae_title=source.ae_title,
        calling_ae_title=source.calling_ae_title,
        timeout_seconds=source.timeout_seconds,
        connect_timeout_seconds=min(10, source.timeout_seconds),
        tls=source.tls,
        tls_server_name=source.tls_server_name,
    )
    # One that takes connections and says nothing holds a line no longer than one that does not answer.
    return replace(found, acse_timeout_seconds=min(found.acse_timeout_seconds, source.timeout_seconds))


def ask(source: Source, question: Question, seconds: float) -> Batch:
    """Put one question to it.

    Args:
        source: of the kind DIMSE.
        question: as the source is to be asked it.
        seconds: for the whole answer.

    Raises:
        SourceFailed: it did not answer whole.
    """
    rows: list[Row] = []
    is_cut = False
    try:
        peer = peer_of(source)
        limits = FindLimits(source.result_limit, MAXIMUM_BYTES, seconds)
        for one in _answerable(peer, question, limits):
            is_cut |= _collect(peer, one, limits, rows)
    except FindRefused as refused:
        if refused.status == FindStatus.OUT_OF_RESOURCES and rows:
            return Batch(rows, is_cut=True)
        raise SourceFailed(str(refused), rows, is_alive=True) from refused
    except UnreadableMatch as error:
        raise SourceFailed(str(error), rows, is_alive=True) from error
    except OverlongQuestion as error:
        raise SourceFailed("the question is longer than C-FIND takes: ask for fewer at once", is_alive=True) from error
    except PeerError as error:
        kind = SourceSlow if "in time" in str(error) else SourceFailed
        raise kind(str(error), rows) from error
    return Batch(rows, is_cut or 0 < source.cuts_at <= len(rows))


def _collect(peer: Peer, question: Question, limits: FindLimits, rows: list[Row]) -> bool:
    """Add what one query brings; True when there is more."""
    model = PATIENT_ROOT if question.level is QueryLevel.PATIENT else STUDY_ROOT
    query = Query(pool(), peer, lambda syntax: encode(question, syntax), model=model, limits=limits)
    rows.extend(decode(match.identifier, match.transfer_syntax_uid) for match in query)
    return query.is_cut_short


def _answerable(peer: Peer, question: Question, limits: FindLimits) -> Iterator[Question]:
    """The question with one series named, which a query for instances needs: as many as it has (PS3.4 C.4.1.2.2.1)."""
    wanted = question.value(SERIES_UID)
    if question.level is not QueryLevel.IMAGE or (wanted and isinstance(matcher_of(SERIES_UID, wanted), Single)):
        yield question
        return
    listed: list[Row] = []
    series = Question(QueryLevel.SERIES, (), (SERIES_UID,)).with_value(STUDY_UID, question.value(STUDY_UID))
    _collect(peer, series.with_value(SERIES_UID, wanted), limits, listed)
    if len(listed) > MAXIMUM_SERIES:
        raise SourceFailed(f"the study has more than {MAXIMUM_SERIES} series: name one of them", is_alive=True)
    for row in listed:
        yield question.with_value(SERIES_UID, text_of(row, SERIES_UID))
