"""Storage commitment in values and data sets: what is asked, what is answered, what is reported (PS3.4 Annex J)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]

from dicomnet.statuses import in_words

PUSH_MODEL = str(StorageCommitmentPushModel)
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"  # the one well-known instance (PS3.4 J.3.5)
REQUEST_ACTION = 1  # Action Type ID (PS3.4 Table J.3-1)
ALL_COMMITTED, FAILURES_EXIST = 1, 2  # Event Type ID (PS3.4 Table J.3-2)


class ActionStatus(IntEnum):
    """Statuses that Gantry answers to an N-ACTION request (PS3.7 Annex C)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    INVALID_ARGUMENT = 0x0115
    NO_SUCH_ACTION = 0x0123
    NOT_AUTHORISED = 0x0124
    RESOURCE_LIMITATION = 0x0213


class FailureReason(IntEnum):
    """Why an instance is not committed: Failure Reason (0008,1197) (PS3.3 C.14.1.1)."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    CLASS_NOT_SUPPORTED = 0x0122
    DUPLICATE_TRANSACTION = 0x0131
    RESOURCE_LIMITATION = 0x0213


class MalformedRequest(ValueError):
    """The Action Information lacks what it must hold; the message says what."""


@dataclass(frozen=True)
class Reference:
    """One instance by its UIDs: an item of Referenced SOP Sequence (0008,1199)."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class CommitmentRequest:
    """One N-ACTION request (PS3.4 J.3.2).

    Attributes:
        association: names the association that it came on, by which a report may go; empty when none may.
    """

    transaction_uid: str
    references: tuple[Reference, ...]
    calling_ae_title: str
    called_ae_title: str
    source_address: str
    association: str = ""


@dataclass(frozen=True)
class CommitmentAnswer:
    """Status and Error Comment of an N-ACTION response; success only when the request will survive a crash."""

    status: ActionStatus
    comment: str = ""


@dataclass(frozen=True)
class CommitmentReport:
    """The verdict on one transaction, claimed for sending (PS3.4 J.3.3).

    Attributes:
        key: names the transaction to whoever settles the report.
        token: proves that the report is still ours to send.
        failed: with their Failure Reason (0008,1197).
    """

    key: int
    token: str
    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: tuple[tuple[Reference, int], ...]

    @property
    def event_type(self) -> int:
        """Event Type ID: all are committed, or failures exist."""
        return FAILURES_EXIST if self.failed else ALL_COMMITTED

    def event_information(self) -> Dataset:
        """The Event Information: every instance of the request is in it (PS3.4 J.3.3.1.2)."""
        ds = Dataset()
        ds.TransactionUID = self.transaction_uid
        if self.committed:
            ds.ReferencedSOPSequence = [_item(reference) for reference in self.committed]
        if self.failed:
            ds.FailedSOPSequence = [_item(reference) for reference, _ in self.failed]
            for item, (_, reason) in zip(ds.FailedSOPSequence, self.failed, strict=True):
                item.FailureReason = reason
        return ds


def failure_in_words(status: int) -> str:
    """What a device answered to a report (PS3.7 10.1.1.1.8); empty when it took it, if with a warning."""
    is_taken = status == 0 or 0xB000 <= status <= 0xBFFF
    return "" if is_taken else f"the device answered the report with {in_words(status)}"


def read_action_information(ds: Dataset) -> tuple[str, tuple[Reference, ...]]:
    """Transaction UID and references of an N-ACTION's Action Information (PS3.4 Table J.3-1).

    Raises:
        MalformedRequest: one of them is missing.
    """
    transaction_uid = str(ds.get("TransactionUID") or "")
    if not transaction_uid:
        raise MalformedRequest("Transaction UID (0008,1195) is missing")
    items: Sequence[Dataset] = ds.get("ReferencedSOPSequence") or ()
    if not items:
        raise MalformedRequest("Referenced SOP Sequence (0008,1199) is empty")
    references = tuple(
        Reference(str(item.get("ReferencedSOPClassUID") or ""), str(item.get("ReferencedSOPInstanceUID") or ""))
        for item in items
    )
    return transaction_uid, references


def _item(reference: Reference) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID = UID(reference.sop_class_uid)
    ds.ReferencedSOPInstanceUID = UID(reference.sop_instance_uid)
    return ds
