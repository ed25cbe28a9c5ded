"""Report on the association that the request came on, as long as it is open (PS3.4 J.3.3, PS3.7 10.1.1)."""

import logging
import time

from dicomnet.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, CommitmentReport, failure_in_words
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.services import Services

logger = logging.getLogger(__name__)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 2.0


def watch(assoc: AcceptedAssociation, services: Services) -> None:
    """Look for the verdict whenever the association is idle, and let go of it when the association ends."""
    found = Watch(assoc, services)
    assoc.on_idle, assoc.on_end = found.look, found.end


class Watch:
    """Looks for verdicts on what was requested on one association, ever more rarely."""

    def __init__(self, assoc: AcceptedAssociation, services: Services) -> None:
        self._assoc = assoc
        self._services = services
        self._pause = FIRST_PAUSE_SECONDS
        self._next_look = 0.0
        self._message_id = 0

    def look(self) -> None:
        """Send what may be sent; called by the association's thread while no message is under way."""
        if time.monotonic() < self._next_look:
            return
        try:
            while (report := self._services.claim_report(self._assoc.record.token)) is not None:
                error = self._send(report)
                self._services.settle_report(report, error)
                if error:
                    break
        except Exception:
            # The thread's boundary: a database that is down must not end the association, and the lease runs out.
            logger.exception("storage commitment not reported on its association")
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        self._next_look = time.monotonic() + self._pause

    def end(self) -> None:
        """Have others report what is left."""
        try:
            self._services.association_ended(self._assoc.record.token)
        except Exception as error:  # noqa: BLE001 (the hold runs out by itself in seconds)
            logger.warning("end of an association not recorded", extra={"error": type(error).__name__})

    def _send(self, report: CommitmentReport) -> str:
        """Why the device has not got it; empty when it has."""
        self._message_id += 1
        # pynetdicom waits here for its reactor to pause; there is none, this thread runs all of the association.
        self._assoc._is_paused = True
        try:
            status, _ = self._assoc.send_n_event_report(
                report.event_information(), report.event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE, self._message_id
            )
        except (RuntimeError, ValueError) as error:
            return f"the report cannot be sent: {error}"
        if "Status" not in status:
            return "the device did not answer the report"
        words = failure_in_words(status.Status)
        self._assoc.record.statuses[f"report 0x{status.Status:04X}"] += 1
        return words
