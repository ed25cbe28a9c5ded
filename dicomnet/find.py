"""C-FIND as the listener and whoever answers it know it: requests, statuses, matches (PS3.4 C.4.1, PS3.7 9.1.2)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from pydicom.uid import UID
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    PatientStudyOnlyQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

PATIENT_ROOT = str(PatientRootQueryRetrieveInformationModelFind)
STUDY_ROOT = str(StudyRootQueryRetrieveInformationModelFind)
PATIENT_STUDY_ONLY = str(PatientStudyOnlyQueryRetrieveInformationModelFind)
FIND_MODELS = frozenset({PATIENT_ROOT, STUDY_ROOT, PATIENT_STUDY_ONLY})


class FindStatus(IntEnum):
    """Statuses of a C-FIND response (PS3.4 Table C.4-1)."""

    SUCCESS = 0x0000
    NOT_AUTHORISED = 0x0124
    OUT_OF_RESOURCES = 0xA700
    IDENTIFIER_MISMATCH = 0xA900
    UNABLE_TO_PROCESS = 0xC001
    CANCELLED = 0xFE00
    PENDING = 0xFF00
    PENDING_WITHOUT_SOME_KEYS = 0xFF01


@dataclass(frozen=True)
class FindOptions:
    """What was agreed on by extended negotiation (PS3.4 C.5.1.1).

    Attributes:
        relational: unique keys above the level may be left out.
        date_time: a range of dates and one of times are matched as one.
        fuzzy: names are matched in a fuzzy way.
    """

    relational: bool = False
    date_time: bool = False
    fuzzy: bool = False


@dataclass(frozen=True)
class FindRequest:
    """One C-FIND request.

    Attributes:
        identifier: its data set as it came.
        transfer_syntax_uid: of the identifier, and of those that answer it: Implicit or Explicit VR Little Endian.
    """

    sop_class_uid: str
    identifier: bytes
    transfer_syntax_uid: str
    options: FindOptions
    calling_ae_title: str
    called_ae_title: str
    source_address: str = ""


class FindFailed(Exception):
    """The query cannot be answered, or not further; the message is the Error Comment and holds no patient data.

    Attributes:
        offending_element: tag as an int for Offending Element (0000,0901); None when there is none.
    """

    def __init__(self, status: FindStatus, comment: str, offending_element: int | None = None) -> None:
        super().__init__(comment)
        self.status = status
        self.offending_element = offending_element


class Matches(Protocol):
    """The answer to a query, found while it is sent.

    Attributes:
        ignores_keys: some keys of the request are neither matched nor returned (status FF01).
    """

    @property
    def ignores_keys(self) -> bool:
        """As above."""

    def __iter__(self) -> Iterator[Sequence[bytes]]:
        """Identifiers, encoded; those that are ready at the same time together, none while it takes time.

        Raises:
            FindFailed: what was returned is not all.
        """


def agreed(model: str, asked: Mapping[UID, bytes], offered: FindOptions) -> FindOptions:
    """What is agreed on for one SOP Class.

    Args:
        model: its UID.
        asked: Service Class Application Information by SOP Class, as the requestor sent it.
        offered: what there is behind the called AE title.
    """
    granted = grant(asked.get(UID(model), b""), offered)
    return FindOptions(*(bool(byte) for byte in granted[:3].ljust(3, b"\0")))


def grant(asked: bytes, offered: FindOptions) -> bytes:
    """The answer to Service Class Application Information: as many fields as were sent, up to those we know.

    Relational queries, combined date-time matching and fuzzy matching of names may be there; what follows, Timezone
    query adjustment and the conversion of multi-frame images, is not (PS3.4 Table C.5-1).
    """
    there = (offered.relational, offered.date_time, offered.fuzzy, False, False)
    return bytes(field == 1 and is_there for field, is_there in zip(asked, there, strict=False))
