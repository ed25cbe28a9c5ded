"""Ask a DICOM destination what it has, by C-FIND at the levels IMAGE and SERIES (PS3.4 C.4.1, C.6.2.1)."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import cache

from pydicom.dataset import Dataset

from dicomnet.scu.association import Peer
from dicomnet.scu.find import STUDY_ROOT, FindLimits, FindRefused, Query, find_pool
from dicomnet.scu.pool import AssociationPool
from routing.destinations import peer_of
from routing.models import Destination
from routing.proof.sent import Sent

AT_ONCE = 100  # SOP Instance UIDs that one query names


@cache
def _pool() -> AssociationPool:
    return find_pool([STUDY_ROOT], per_peer=2)


def kept(destination: Destination, asked: Collection[Sent]) -> set[str]:
    """Which of these it has, by SOP Instance UID.

    Raises:
        FindRefused: it answers no query that tells.
        PeerError: it cannot be reached, or was lost in the middle.
    """
    peer = peer_of(destination)
    by_series: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sent in asked:
        by_series[sent.study_instance_uid, sent.series_instance_uid].append(sent.sop_instance_uid)
    found: set[str] = set()
    for (study, series), uids in by_series.items():
        found |= _kept_of_series(peer, study, series, uids)
    return found


def _kept_of_series(peer: Peer, study: str, series: str, uids: list[str]) -> set[str]:
    try:
        found = _listed(peer, study, series, [""], len(uids))
        # A peer may give a part of a long answer only: what is missing is asked for by name before it is believed.
        return found | _listed(peer, study, series, _in_parts(sorted(set(uids) - found)), AT_ONCE)
    except FindRefused as refused:
        if _count(peer, study, series, refused) >= len(uids):
            return set(uids)
        return set()  # which ones are missing it does not tell: the series is sent again


def _in_parts(uids: list[str]) -> Iterable[str]:
    return ("\\".join(uids[start : start + AT_ONCE]) for start in range(0, len(uids), AT_ONCE))


def _listed(peer: Peer, study: str, series: str, keys: Iterable[str], expected: int) -> set[str]:
    """SOP Instance UIDs of the series; the keys match one, a list of them, or all (PS3.4 C.2.2.2)."""
    found: set[str] = set()
    for key in keys:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "IMAGE"
        identifier.StudyInstanceUID, identifier.SeriesInstanceUID = study, series
        identifier.SOPInstanceUID = key.split("\\") if key else ""
        limits = FindLimits(matches=2 * expected + 1000)
        for match in Query(_pool(), peer, identifier, limits=limits):
            found.add(str(match.dataset().get("SOPInstanceUID", "")))
    return found


def _count(peer: Peer, study: str, series: str, refused: FindRefused) -> int:
    """How many instances of the series it says it has, where it takes no query for instances.

    Raises:
        FindRefused: it does not tell that either.
    """
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "SERIES"
    identifier.StudyInstanceUID, identifier.SeriesInstanceUID = study, series
    identifier.NumberOfSeriesRelatedInstances = ""
    for match in Query(_pool(), peer, identifier):
        ds = match.dataset()
        if str(ds.get("SeriesInstanceUID", "")) == series:
            count = str(ds.get("NumberOfSeriesRelatedInstances") or "")
            if not count.isdecimal():
                raise refused
            return int(count)
    return 0
