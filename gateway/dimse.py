"""What answers to the listener's AE titles: the archive with routing, and federations (dicomnet.services)."""

from django.conf import settings
from django.db import connection

from dicomnet.commitment import EventAnswer, Verdict
from dicomnet.faults import fault_file
from dicomnet.find import FindRequest, Matches
from dicomnet.retrieval import MoveDestination, Retrieval, RetrieveRequest
from dicomnet.services import Services, StoreRequest, StoreSink
from gateway.audit.dimse import note_query, note_retrieval
from routing.move_destinations import find_destination
from routing.proof.report import take_verdict
from spanner.dimse.services import FederationServices
from spanner.titles import federation_of
from studies.dimse import ArchiveServices
from studies.faulty import DISK_FULL, FaultySink


class GatewayServices(ArchiveServices):
    """The archive, which also takes the verdicts that destinations report, and sends to them what others ask for."""

    def find(self, request: FindRequest) -> Matches:
        """Begin to answer a query, which is on record."""
        note_query(request)
        return super().find(request)

    def retrieve(self, request: RetrieveRequest) -> Retrieval:
        """The instances that a request names; that they were asked for is on record."""
        return _on_record(request, super().retrieve(request), settings.GANTRY.ae_title)

    def move_destination(self, ae_title: str, source_address: str) -> MoveDestination | None:
        """A destination of routing, else a remote node."""
        return _destination(ae_title, source_address) or super().move_destination(ae_title, source_address)

    def take_verdict(self, verdict: Verdict) -> EventAnswer:
        """Record what a destination reports on a request of ours."""
        try:
            return take_verdict(verdict)
        finally:
            connection.close()  # the association has a thread of its own, which may never come here again


class GatewayFederation(FederationServices):
    """A federation, from which may be moved to where may be moved from the archive."""

    def find(self, request: FindRequest) -> Matches:
        """Begin to answer a query, which is on record."""
        note_query(request)
        return super().find(request)

    def retrieve(self, request: RetrieveRequest) -> Retrieval:
        """The instances that a request names; that they were asked for is on record."""
        return _on_record(request, super().retrieve(request), self._config.name)

    def move_destination(self, ae_title: str, source_address: str) -> MoveDestination | None:
        """A destination of routing, else a remote node."""
        return _destination(ae_title, source_address) or super().move_destination(ae_title, source_address)


def federation_behind(called_ae_title: str) -> Services | None:
    """The federation with this AE title (``settings.DICOM_SERVICES_BY_TITLE``)."""
    config = federation_of(called_ae_title)
    return None if config is None else GatewayFederation(config)


def _on_record(request: RetrieveRequest, found: Retrieval, called: str) -> Retrieval:
    note_retrieval(request, called, found.count)
    return found


def _destination(ae_title: str, source_address: str) -> MoveDestination | None:
    try:
        return find_destination(ae_title, source_address)
    finally:
        connection.close()


class FaultyServices(GatewayServices):
    """The same in a lab, where faults may be injected."""

    def open_store(self, request: StoreRequest) -> StoreSink:
        """Begin to take one instance; what disturbs it is decided when it is whole."""
        return FaultySink(super().open_store(request), fault_file().current)

    def congestion(self) -> str:
        """Why no new association that would store is taken now; a full disk takes none."""
        return DISK_FULL if fault_file().current().disk_full else super().congestion()
