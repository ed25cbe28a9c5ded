"""How far the sub-operations of a retrieve request have come, and what is said of it (PS3.4 C.4.2.1, PS3.7 9.3.3.2).

The counts are of VR US: what is more than 65,535 is said as that.
"""

from collections import Counter
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import encode

from dicomnet.retrieval import RetrieveStatus
from dicomnet.scu.outgoing import Outgoing, Sent, StoreOutcome
from dicomnet.statuses import in_words
from dicomnet.wire import pdu

MOST = 0xFFFF
MOST_REASONS = 100
MAXIMUM_LIST_BYTES = 0xFFFE  # what a value with VR UI may have in Explicit VR (PS3.5 7.1.2)


@dataclass
class Progress:
    """Counts of sub-operations.

    Attributes:
        total: how many the request comes to.
        warnings: those that were stored with a warning.
        failed_uids: SOP Instance UIDs of those that failed, as many as one value can list.
        reasons: why they failed, and how often.
        bytes_sent: of data sets that were stored.
    """

    total: int
    completed: int = 0
    warnings: int = 0
    failed: int = 0
    failed_uids: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    bytes_sent: int = 0
    _list_bytes: int = 0

    @property
    def remaining(self) -> int:
        """Those that have not been tried."""
        return max(self.total - self.completed - self.warnings - self.failed, 0)

    def add(self, sent: Sent) -> None:
        """Count one sub-operation."""
        outcome = sent.outcome
        if isinstance(outcome, OSError):
            self.fail(sent.instance.sop_instance_uid, f"a stored file cannot be read: {outcome.strerror or outcome}")
        elif not outcome.is_stored:
            self.fail(sent.instance.sop_instance_uid, _reason(outcome))
        else:
            if outcome.status:
                self.warnings += 1
            else:
                self.completed += 1
            self.bytes_sent += _data_set_bytes(sent.instance)

    def fail(self, sop_instance_uid: str, reason: str) -> None:
        """Count one that failed."""
        self.failed += 1
        if len(self.reasons) < MOST_REASONS:
            self.reasons[reason] += 1
        if sop_instance_uid and self._list_bytes + len(sop_instance_uid) + 1 <= MAXIMUM_LIST_BYTES:
            self.failed_uids.append(sop_instance_uid)
            self._list_bytes += len(sop_instance_uid) + 1

    def fail_rest(self, reason: str) -> None:
        """Count what has not been tried as failed."""
        if self.remaining:
            self.reasons[reason] += self.remaining
            self.failed += self.remaining

    def final_status(self) -> RetrieveStatus:
        """Success, warning or refusal: all failed is no warning any more (PS3.4 C.4.2.3.1, C.4.3.3.1)."""
        if not self.failed and not self.warnings:
            return RetrieveStatus.SUCCESS
        if self.failed and not self.completed and not self.warnings:
            return RetrieveStatus.CANNOT_PERFORM
        return RetrieveStatus.SOME_FAILED

    def reason(self) -> str:
        """The most frequent reason of a failure, for an Error Comment; empty when nothing failed."""
        return self.reasons.most_common(1)[0][0] if self.reasons else ""

    def elements(self, *, with_remaining: bool) -> list[tuple[int, bytes]]:
        """The counts of a response; only one that is pending or cancelled says what remains (PS3.4 C.4.2.1.6)."""
        counts = [
            (pdu.COMPLETED_SUB_OPERATIONS, self.completed),
            (pdu.FAILED_SUB_OPERATIONS, self.failed),
            (pdu.WARNING_SUB_OPERATIONS, self.warnings),
        ]
        if with_remaining:
            counts.insert(0, (pdu.REMAINING_SUB_OPERATIONS, self.remaining))
        return [(element, pdu.encode_us(min(count, MOST))) for element, count in counts]

    def failed_list(self, transfer_syntax: UID) -> bytes:
        """A data set with Failed SOP Instance UID List (0008,0058); empty when nothing failed."""
        if not self.failed_uids:
            return b""
        ds = Dataset()
        ds.FailedSOPInstanceUIDList = self.failed_uids
        encoded = encode(ds, transfer_syntax.is_implicit_VR, transfer_syntax.is_little_endian)
        return encoded or b""


def _reason(outcome: StoreOutcome) -> str:
    # Not the receiver's own comment: nobody knows what it says of the patient.
    return outcome.comment if outcome.status is None else f"answered {in_words(outcome.status)}"


def _data_set_bytes(instance: Outgoing) -> int:
    return instance.size_bytes - instance.data_set_offset
