"""What answers to the gateway's AE title: the archive, and routing for what it asked others (dicomnet.services)."""

from django.db import connection

from dicomnet.commitment import EventAnswer, Verdict
from routing.proof.report import take_verdict
from studies.dimse import ArchiveServices


class GatewayServices(ArchiveServices):
    """The archive, which also takes the verdicts that destinations report."""

    def take_verdict(self, verdict: Verdict) -> EventAnswer:
        """Record what a destination reports on a request of ours."""
        try:
            return take_verdict(verdict)
        finally:
            connection.close()  # the association has a thread of its own, which may never come here again
