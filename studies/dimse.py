"""The archive behind the gateway's AE title (dicomnet.services.Services)."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db import connection
from typing_extensions import Buffer

from dicomnet.commitment import (
    ActionStatus,
    CommitmentAnswer,
    CommitmentReport,
    CommitmentRequest,
    EventAnswer,
    EventStatus,
    Verdict,
)
from dicomnet.find import FindOptions, FindRequest, Matches
from dicomnet.retrieval import MoveDestination, Retrieval, RetrieveRequest
from dicomnet.services import StoreAnswer, StoreRequest, StoreSink
from dicomnet.statuses import StoreStatus
from studies import retrieve_service
from studies.commitments.accept import accept
from studies.commitments.report import claim_for_association, let_go, settle
from studies.doorbell import Doorbell, prepare_bells
from studies.find_service import find
from studies.sink import SpoolSink
from studies.spool import Spool

_doorbell = Doorbell("index_spool")
_commitment_bell = Doorbell("verify_commitments")


@cache
def local_spool() -> Spool:
    """The spool of this installation, ready for use."""
    gantry = settings.GANTRY
    is_store_apart = gantry.storage.exists() and gantry.storage.stat().st_dev != gantry.home.stat().st_dev
    spool = Spool(
        gantry.spool_dir,
        gantry.spool_high_percent,
        marks=gantry.run_dir,
        store=gantry.storage if is_store_apart else None,
        processes=gantry.scp_processes,
    )
    spool.prepare()
    return spool


class ArchiveServices:
    """Takes instances into the spool."""

    def prepare(self) -> None:
        """Load what rings the bells."""
        prepare_bells()

    def open_store(self, request: StoreRequest) -> StoreSink:
        """Begin to take one instance."""
        try:
            return RingingSink(_watched_spool().open(request))
        except OSError as error:
            return ClosedSink(os.strerror(error.errno or 0))

    def congestion(self) -> str:
        """Why no new association that would store is taken now; empty when one may come."""
        try:
            return _watched_spool().intake.congestion
        except OSError as error:
            return f"the spool cannot be made ({os.strerror(error.errno or 0)})"

    def find_options(self) -> FindOptions:
        """All that is known here."""
        return FindOptions(relational=True, date_time=True, fuzzy=True)

    def find(self, request: FindRequest) -> Matches:
        """Begin to answer a query; the thread keeps its database connection for the next one."""
        return find(request)

    def request_commitment(self, request: CommitmentRequest) -> CommitmentAnswer:
        """Keep a request for storage commitment, and have it looked at soon."""
        try:
            answer = accept(request)
        finally:
            connection.close()  # the association has a thread of its own, which may never come here again
        if answer.status == ActionStatus.SUCCESS:
            _commitment_bell.ring()
        return answer

    def claim_report(self, association: str) -> CommitmentReport | None:
        """The next verdict on a request that came on this association."""
        try:
            return claim_for_association(association)
        finally:
            connection.close()

    def settle_report(self, report: CommitmentReport, error: str) -> None:
        """Record what became of a claimed report."""
        try:
            settle(report, error)
        finally:
            connection.close()

    def association_ended(self, association: str) -> None:
        """What was requested on it is to be reported another way."""
        try:
            let_go(association)
        finally:
            connection.close()

    def retrieve(self, request: RetrieveRequest) -> Retrieval:
        """The instances that an identifier names."""
        return retrieve_service.retrieve(request)

    def stored_syntaxes(self) -> Mapping[str, Sequence[str]]:
        """Transfer syntaxes of what came in lately, by SOP Class."""
        return retrieve_service.stored_syntaxes()

    def move_destination(self, ae_title: str, source_address: str) -> MoveDestination | None:
        """An archive alone knows the remote nodes."""
        return retrieve_service.move_destination(ae_title, source_address)

    def take_verdict(self, verdict: Verdict) -> EventAnswer:
        """An archive alone asks nobody to commit."""
        return EventAnswer(EventStatus.INVALID_ARGUMENT, "no request has this Transaction UID")


def _watched_spool() -> Spool:
    spool = local_spool()
    spool.intake.watch()
    return spool


@dataclass(frozen=True)
class ClosedSink:
    """Takes nothing: the spool's folders cannot be made."""

    reason: str

    def write(self, *pieces: Buffer) -> None:
        """Let it pass."""

    def commit(self) -> StoreAnswer:
        """Refuse."""
        return StoreAnswer(StoreStatus.OUT_OF_RESOURCES, f"cannot store now: {self.reason}")

    def discard(self) -> None:
        """Nothing was kept."""


class RingingSink:
    """A spool sink that wakes the indexer after each success."""

    def __init__(self, sink: SpoolSink) -> None:
        self._sink = sink

    def write(self, *pieces: Buffer) -> None:
        """Take the next bytes of the data set."""
        self._sink.write(*pieces)

    def commit(self) -> StoreAnswer:
        """Make it durable; the bell is rung after, and needs no answer."""
        answer = self._sink.commit()
        if answer.status == StoreStatus.SUCCESS:
            _doorbell.ring()
        return answer

    def discard(self) -> None:
        """Leave nothing behind."""
        self._sink.discard()
