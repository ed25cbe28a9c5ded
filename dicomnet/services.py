"""What the listener needs of an archive: the protocol says it, settings name who does it.

``DICOM_SERVICES`` names it by called AE title; whose titles may change while the listener runs, the function that
``DICOM_SERVICES_BY_TITLE`` names knows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string
from typing_extensions import Buffer

from dicomnet.commitment import CommitmentAnswer, CommitmentReport, CommitmentRequest, EventAnswer, Verdict
from dicomnet.find import FindOptions, FindRequest, Matches
from dicomnet.retrieval import MoveDestination, Retrieval, RetrieveRequest
from dicomnet.statuses import StoreStatus


@dataclass(frozen=True)
class StoreRequest:
    """One C-STORE request, before its data set has come (PS3.7 9.1.1), or a part of a STOW-RS request.

    Attributes:
        study_instance_uid: of the study that the instance must be of; empty: any.
        fetched_from: the archive that we asked for it; empty: nobody asked, it was sent.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    called_ae_title: str
    source_address: str
    study_instance_uid: str = ""
    fetched_from: str = ""


@dataclass(frozen=True)
class StoreAnswer:
    """Status and Error Comment of a C-STORE response; the comment holds no patient data.

    Attributes:
        offending_element: tag as an int for Offending Element (0000,0901); None when there is none.
        study_instance_uid, series_instance_uid: of what was stored; empty when nothing was.
    """

    status: StoreStatus
    comment: str = ""
    offending_element: int | None = None
    study_instance_uid: str = ""
    series_instance_uid: str = ""


class StoreSink(Protocol):
    """Takes the data set of one instance as it comes in."""

    def write(self, *pieces: Buffer) -> None:
        """Take the next bytes of the data set; an error is kept and answered by ``commit``."""

    def commit(self) -> StoreAnswer:
        """The data set is whole: make it durable. Success may be sent to the peer as soon as this returns."""

    def discard(self) -> None:
        """Leave nothing behind of what was not committed; called at the end, whatever came of it."""


class Services(Protocol):
    """The archive, or a federation, behind one called AE title."""

    def prepare(self) -> None:
        """Called once, before the listener forks: load what its processes share. Opens nothing."""

    def open_store(self, request: StoreRequest) -> StoreSink:
        """Begin to take one instance."""

    def congestion(self) -> str:
        """Why no new association that would store is taken now; empty when one may come."""

    def find_options(self) -> FindOptions:
        """What may be agreed on by extended negotiation of queries (PS3.4 C.5.1.1)."""

    def find(self, request: FindRequest) -> Matches:
        """Begin to answer a query; called in the association's thread, as is all that reads the matches.

        Raises:
            FindFailed: it cannot be answered.
        """

    def request_commitment(self, request: CommitmentRequest) -> CommitmentAnswer:
        """Keep a request for storage commitment durably; its verdict is found and reported later."""

    def claim_report(self, association: str) -> CommitmentReport | None:
        """The next verdict on a request that came on this association, ours to send; None while there is none.

        Who asks says by it that the association is still open, so that nobody opens another one to report.
        """

    def settle_report(self, report: CommitmentReport, error: str) -> None:
        """Record what became of a claimed report: why the device has not got it, or nothing when it has."""

    def association_ended(self, association: str) -> None:
        """What was requested on it is to be reported another way."""

    def retrieve(self, request: RetrieveRequest) -> Retrieval:
        """The instances that an identifier names (PS3.4 C.4.2.2, C.4.3.2).

        Raises:
            RetrieveRefused: it names none in a way that the standard knows.
        """

    def stored_syntaxes(self) -> Mapping[str, Sequence[str]]:
        """Transfer syntaxes by SOP Class in which instances are stored, the most frequent first.

        As far as is known at once, for the negotiation with somebody who fetches: it raises nothing.
        """

    def move_destination(self, ae_title: str, source_address: str) -> MoveDestination | None:
        """Where a Move Destination is; None when that is not known, or not clear.

        Args:
            ae_title: as it was named.
            source_address: where the request came from: of several places with the title, the one there is meant.
        """

    def take_verdict(self, verdict: Verdict) -> EventAnswer:
        """Record what a provider reports on a request for storage commitment that we sent it."""


def services_for(called_ae_title: str) -> Services | None:
    """The services behind a called AE title; None when nobody answers to it."""
    path = settings.DICOM_SERVICES.get(called_ae_title)
    if path is None:
        by_title = _services_by_title()
        return by_title(called_ae_title) if by_title else None
    services: Services = import_string(path)()
    return services


def prepare_services() -> None:
    """Before the listener forks: have each of the services load what its processes share."""
    for called_ae_title in settings.DICOM_SERVICES:
        services = services_for(called_ae_title)
        if services is not None:
            services.prepare()
    _services_by_title()  # is loaded by it


def _services_by_title() -> Callable[[str], Services | None] | None:
    """Who knows further titles; None without such a setting."""
    path = settings.DICOM_SERVICES_BY_TITLE
    found: Callable[[str], Services | None] | None = import_string(path) if path else None
    return found
