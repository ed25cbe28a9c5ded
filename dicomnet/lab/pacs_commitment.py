"""Storage commitment of the simulated PACS: honest, lying, late, on the same association or on a new one."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt

from dicomnet.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    CommitmentReport,
    FailureReason,
    MalformedRequest,
    Reference,
    read_action_information,
)
from dicomnet.scu.association import Peer, PeerError
from dicomnet.scu.commitment import send_reports

INVALID_ARGUMENT = 0x0115
REPLY_SECONDS = 0.1  # the response to the N-ACTION goes first


class Commits(StrEnum):
    """How it deals with requests for storage commitment."""

    NO = "no"  # the service is not offered
    YES = "yes"  # on the same association while it is open, else on a new one
    LYING = "lying"  # as yes, and all is said to be there
    LATE = "late"  # on a new association, after a while
    SAME = "same-association"
    NEW = "new-association"


@dataclass(frozen=True)
class Reporter:
    """Answers N-ACTION requests, and reports by a thread for each.

    Attributes:
        gateway: host and port to call back; under the AE title that asked.
        after_ms: how long it takes to report.
    """

    ae_title: str
    commits: Commits
    gateway: tuple[str, int]
    after_ms: int
    holds: Callable[[str], bool]
    say: Callable[[str], None]

    def on_action(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """Take a request; the report follows."""
        try:
            transaction_uid, references = read_action_information(event.action_information)
        except MalformedRequest:
            return INVALID_ARGUMENT, None
        report = self._report(transaction_uid, references)
        threading.Thread(target=self._send, args=(event.assoc, report), daemon=True).start()
        return 0x0000, None

    def _report(self, transaction_uid: str, references: tuple[Reference, ...]) -> CommitmentReport:
        lacks = [
            reference
            for reference in references
            if self.commits != Commits.LYING and not self.holds(reference.sop_instance_uid)
        ]
        return CommitmentReport(
            key=0,
            token="",
            transaction_uid=transaction_uid,
            committed=tuple(reference for reference in references if reference not in lacks),
            failed=tuple((reference, int(FailureReason.NO_SUCH_INSTANCE)) for reference in lacks),
        )

    def _send(self, assoc: Any, report: CommitmentReport) -> None:
        time.sleep(max(self.after_ms / 1000, REPLY_SECONDS))
        words = f"{len(report.committed)} committed, {len(report.failed)} not"
        may_use_same = self.commits in {Commits.YES, Commits.LYING, Commits.SAME}
        if may_use_same and assoc.is_established:
            status, _ = assoc.send_n_event_report(
                report.event_information(), report.event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE
            )
            if "Status" in status:
                self.say(f"storage commitment: {words}, reported on the same association")
                return
        if self.commits == Commits.SAME:
            self.say(f"storage commitment: {words}, not reported, the association has ended")
            return
        self._send_anew(str(assoc.requestor.ae_title), report, words)

    def _send_anew(self, gateway_ae_title: str, report: CommitmentReport, words: str) -> None:
        host, port = self.gateway
        peer = Peer(ae_title=gateway_ae_title, host=host, port=port, calling_ae_title=self.ae_title)
        try:
            for _, error in send_reports(peer, [report]):
                self.say(f"storage commitment: {words}, reported on a new association {error}".rstrip())
        except PeerError as error:
            self.say(f"storage commitment: {words}, not reported: {error}")
