"""Carry out fetches: ask who has the study, have the best of them send what is not here, and if it fails the next.

A fetch begins anew whenever somebody claims it: what has arrived is in the index or on its way there, and is not asked
for again. So a worker that is lost loses time, and nothing else.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import F
from django.utils import timezone

from spanner.errors import FetchLost, NoRoom, SourceFailed
from spanner.fetch import claim
from spanner.fetch.by import get, move, wado
from spanner.fetch.by.way import Errand, Way
from spanner.fetch.listing import Holder, Holders, Listing, here, holders_of, list_instances
from spanner.fetch.pieces import pieces_of
from spanner.fetch.progress import Progress
from spanner.models import Fetch, FetchState, Retrieve, Source, SourceKind
from studies.dimse import local_spool

logger = logging.getLogger(__name__)
INDEX_SECONDS = 120  # for the index to take up what has arrived
LOOK_EVERY_SECONDS = 0.1
_BY_DIMSE: Mapping[str, Way] = {Retrieve.GET: get.fetch, Retrieve.MOVE: move.fetch}


@dataclass
class _Account:
    """What the sources have said so far, against what is here."""

    fetch: Fetch
    expected: set[str] = field(default_factory=set)
    count: int = 0  # of a source that only counts
    problems: list[str] = field(default_factory=list)

    def add(self, listing: Listing) -> None:
        """Another source has said what it has."""
        self.expected |= listing.series_of.keys()
        self.count = max(self.count, listing.count)

    @property
    def total(self) -> int:
        """How many instances the study has, as far as anybody says."""
        return max(self.count, len(self.expected))

    def here(self) -> set[str]:
        """Those of them that are in the index."""
        return here(self.fetch.study_instance_uid, self.expected, self.fetch.series_instance_uids)

    @property
    def missing(self) -> int:
        """How many are not in the index."""
        return max(self.total - len(self.here()), 0)


def work(*, seconds: float) -> bool:
    """Carry out fetches that are due; begins on none after so long.

    Returns:
        Whether another may be due.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        fetch = claim.claim()
        if fetch is None:
            return False
        carry_out(fetch)
    return True


def carry_out(fetch: Fetch) -> None:
    """One fetch as far as it goes now; it is released in any case."""
    try:
        _bring(fetch)
    except FetchLost as error:
        logger.info("fetch given up", extra={"fetch": fetch.pk, "reason": str(error)})
    except NoRoom as error:
        # Nobody's fault but ours, and no other source would help: as long as it takes.
        claim.failed(fetch, f"nothing can be stored here now: {error}", is_final=False, counts=False)
    except Exception:
        # The worker's boundary: what a study makes of us is not tried every few seconds, nor stops the others.
        logger.exception("fetch failed", extra={"fetch": fetch.pk})
        claim.failed(fetch, "an error of Gantry's own, see its log", is_final=False)
    finally:
        # After the end of the process, the next one to claim it begins anew.
        claim.release(fetch)


def _bring(fetch: Fetch) -> None:
    claim.change(fetch, state=FetchState.FETCHING, started_at=fetch.started_at or timezone.now())
    holders = holders_of(fetch)
    account, progress = _Account(fetch), Progress(fetch)
    for holder in holders.known:
        try:
            _bring_from(holder, account, progress)
        except SourceFailed as error:
            account.problems.append(f"{holder.source}: {error}")
            logger.warning("a source did not bring a study", extra={"fetch": fetch.pk, "source": holder.source.name})
        if account.total and not account.missing:
            _done(fetch, account)
            return
    _not_all(fetch, account, holders)


def _bring_from(holder: Holder, account: _Account, progress: Progress) -> None:
    """Have one source send what is not here of what it has.

    Raises:
        SourceFailed: it did not; what had arrived stays.
    """
    fetch, source = account.fetch, holder.source
    listing = list_instances(holder, fetch.study_instance_uid, fetch.series_instance_uids)
    account.add(listing)
    found = account.here()
    progress.begin(account.total, found)
    missing = listing.series_of.keys() - found
    if source.kind == SourceKind.LOCAL or not (missing or (not listing.series_of and account.missing)):
        return
    claim.change(fetch, source=source)
    fetch.source = source
    pieces = tuple(pieces_of(fetch.study_instance_uid, listing, missing, fetch.series_instance_uids))
    try:
        _way_of(source)(Errand(source, fetch.study_instance_uid, pieces, listing, progress))
    finally:
        progress.write()
        _wait_for_index(account, progress)
    if refused := progress.refused_in_words():
        progress.refused.clear()
        raise SourceFailed(refused, is_alive=True)
    if left := (listing.series_of.keys() - account.here()):
        raise SourceFailed(f"it sent {len(left)} fewer instances than it says it has", is_alive=True)


def _way_of(source: Source) -> Way:
    return wado.fetch if source.kind == SourceKind.DICOMWEB else _BY_DIMSE[source.retrieve]


def _wait_for_index(account: _Account, progress: Progress) -> None:
    """Until what has arrived is in the index, or everything that lay in the spool by now is."""
    arrived_at, deadline = timezone.now(), time.monotonic() + INDEX_SECONDS
    if progress.taken:
        claim.change(account.fetch, state=FetchState.ARRIVED)
    while time.monotonic() < deadline:
        # Looked at in this order: what the index takes between the two is in it at the second look.
        waiting_since = local_spool().oldest_waiting_at()
        if not account.missing or waiting_since is None or waiting_since > arrived_at:
            return
        progress.beat()
        time.sleep(LOOK_EVERY_SECONDS)


def _done(fetch: Fetch, account: _Account) -> None:
    now, found = timezone.now(), len(account.here())
    wanted = Fetch.objects.values_list("series_instance_uids", flat=True).get(pk=fetch.pk)
    if wanted != fetch.series_instance_uids:  # somebody has asked for more of it meanwhile
        claim.release(fetch, state=FetchState.WAITING, next_attempt_at=now)
        return
    claim.release(
        fetch,
        state=FetchState.DONE,
        finished_at=now,
        attempts=F("attempts") + 1,
        last_error="",
        instances_expected=account.total,
        instances_arrived=found,
    )
    source = fetch.source.name if fetch.source else "here"
    logger.info("study fetched", extra={"fetch": fetch.pk, "count": found, "source": source})


def _not_all(fetch: Fetch, account: _Account, holders: Holders) -> None:
    problems = "; ".join(account.problems)
    silent = f"Not known whether others have it: {holders.silent}." if holders.silent else ""
    if not holders.known:
        words = f"No source that answered has the study. {silent}" if silent else "No source has the study."
        claim.failed(fetch, words.strip(), is_final=not silent)
        return
    counted = f"{account.missing} of {account.total} instances are missing. " if account.total else ""
    has_ended = claim.failed(fetch, f"{counted}{problems}. {silent}".strip(), is_final=False)
    log = logging.ERROR if has_ended else logging.WARNING
    logger.log(log, "a study was not fetched whole", extra={"fetch": fetch.pk, "missing": account.missing})
