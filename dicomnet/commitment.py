"""Storage commitment in values and data sets: what is asked, what is answered, what is reported (PS3.4 Annex J)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import decode
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


class EventStatus(IntEnum):
    """Statuses that Gantry answers to an N-EVENT-REPORT request (PS3.7 10.1.1.1.8)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    NO_SUCH_EVENT_TYPE = 0x0113
    INVALID_ARGUMENT = 0x0115
    RESOURCE_LIMITATION = 0x0213


class MalformedRequest(ValueError):
    """Action or Event Information lacks what it must hold; the message says what."""


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
class Verdict:
    """What a provider reports on a request of ours (PS3.4 J.3.3).

    Attributes:
        failed: with their Failure Reason (0008,1197).
    """

    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: tuple[tuple[Reference, int], ...]


@dataclass(frozen=True)
class EventAnswer:
    """Status and Error Comment of an N-EVENT-REPORT response; success only when the verdict is recorded."""

    status: EventStatus
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
    return transaction_uid, tuple(_reference(item) for item in items)


def action_information(transaction_uid: str, references: Iterable[Reference]) -> Dataset:
    """The Action Information of a request of ours (PS3.4 Table J.3-1)."""
    ds = Dataset()
    ds.TransactionUID = transaction_uid
    ds.ReferencedSOPSequence = [_item(reference) for reference in references]
    return ds


def read_event_information(ds: Dataset) -> Verdict:
    """The verdict in an N-EVENT-REPORT's Event Information (PS3.4 Table J.3-2).

    Which instances failed is read from the sequences, whatever the Event Type ID says of them.

    Raises:
        MalformedRequest: it names no transaction.
    """
    transaction_uid = str(ds.get("TransactionUID") or "")
    if not transaction_uid:
        raise MalformedRequest("Transaction UID (0008,1195) is missing")
    failed: Sequence[Dataset] = ds.get("FailedSOPSequence") or ()
    return Verdict(
        transaction_uid,
        committed=tuple(_reference(item) for item in ds.get("ReferencedSOPSequence") or ()),
        failed=tuple((_reference(item), int(item.get("FailureReason") or 0)) for item in failed),
    )


def decode_information(information: BytesIO, transfer_syntax: UID) -> Dataset:
    """Action or Event Information as it came.

    Raises:
        MalformedRequest: it cannot be decoded.
    """
    try:
        ds = decode(
            information, transfer_syntax.is_implicit_VR, transfer_syntax.is_little_endian, transfer_syntax.is_deflated
        )
        ds.walk(lambda *_: None)  # elements and sequences are parsed when they are touched: all of them, here
    except Exception as error:
        raise MalformedRequest("what the request says cannot be decoded") from error
    return ds


def _reference(item: Dataset) -> Reference:
    return Reference(str(item.get("ReferencedSOPClassUID") or ""), str(item.get("ReferencedSOPInstanceUID") or ""))


def _item(reference: Reference) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID = UID(reference.sop_class_uid)
    ds.ReferencedSOPInstanceUID = UID(reference.sop_instance_uid)
    return ds
