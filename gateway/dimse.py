"""What answers to the gateway's AE title: the archive, and routing for what it asked others (dicomnet.services)."""

from django.db import connection

from dicomnet.commitment import EventAnswer, Verdict
from dicomnet.faults import fault_file
from dicomnet.retrieval import MoveDestination
from dicomnet.services import StoreRequest, StoreSink
from routing.move_destinations import find_destination
from routing.proof.report import take_verdict
from studies.dimse import ArchiveServices
from studies.faulty import DISK_FULL, FaultySink


class GatewayServices(ArchiveServices):
    """The archive, which also takes the verdicts that destinations report, and sends to them what others ask for."""

    def move_destination(self, ae_title: str, source_address: str) -> MoveDestination | None:
        """A destination of routing, else a remote node."""
        try:
            found = find_destination(ae_title, source_address)
        finally:
            connection.close()
        return found or super().move_destination(ae_title, source_address)

    def take_verdict(self, verdict: Verdict) -> EventAnswer:
        """Record what a destination reports on a request of ours."""
        try:
            return take_verdict(verdict)
        finally:
            connection.close()  # the association has a thread of its own, which may never come here again


class FaultyServices(GatewayServices):
    """The same in a lab, where faults may be injected."""

    def open_store(self, request: StoreRequest) -> StoreSink:
        """Begin to take one instance; what disturbs it is decided when it is whole."""
        return FaultySink(super().open_store(request), fault_file().current)

    def congestion(self) -> str:
        """Why no new association that would store is taken now; a full disk takes none."""
        return DISK_FULL if fault_file().current().disk_full else super().congestion()
