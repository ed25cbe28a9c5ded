"""Counts of sub-operations, and what is said of them (PS3.4 C.4.2.1.5, C.4.2.1.6, PS3.7 9.3.3.2)."""

from io import BytesIO
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode

from dicomnet.scp.progress import MAXIMUM_LIST_BYTES, Progress
from dicomnet.scu.outgoing import Outgoing, Sent, StoreOutcome
from dicomnet.wire import pdu
from tests.corpus import CT, EXPLICIT

ONE = Outgoing(Path("/nowhere"), CT, "1.2.3", EXPLICIT, 400, 1_400)


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([], 0x0000),
        ([0x0000, 0x0000], 0x0000),
        ([0x0000, 0xB000], 0xB000),
        ([0xB007], 0xB000),
        ([0x0000, 0xA700], 0xB000),
        ([0xB000, 0xC000], 0xB000),
        ([0xA700, 0xC000], 0xA702),
        ([None], 0xA702),
    ],
)
def test_the_final_status_follows_from_the_outcomes(outcomes: list[int | None], status: int) -> None:
    progress = Progress(len(outcomes))
    for outcome in outcomes:
        progress.add(Sent(ONE, StoreOutcome(outcome, "why")))
    assert (progress.final_status(), progress.remaining) == (status, 0)


def test_counts_are_said_as_far_as_two_bytes_go() -> None:
    progress = Progress(100_000, completed=10, failed=70_000)
    counts = dict(progress.elements(with_remaining=True))
    assert counts[pdu.REMAINING_SUB_OPERATIONS] == (29_990).to_bytes(2, "little")
    assert counts[pdu.FAILED_SUB_OPERATIONS] == b"\xff\xff"
    assert pdu.REMAINING_SUB_OPERATIONS not in dict(progress.elements(with_remaining=False))
    assert list(counts) == sorted(counts)


def test_an_unreadable_file_is_a_failure_that_names_no_path() -> None:
    progress = Progress(1)
    progress.add(Sent(ONE, FileNotFoundError(2, "No such file or directory", "/hot/01KA/secret.dcm")))
    assert progress.reason() == "a stored file cannot be read: No such file or directory"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_list_of_failures_is_as_long_as_one_value(syntax: object) -> None:
    progress = Progress(3_000)
    uids = [f"1.2.840.10008.{'9' * 40}.{number}" for number in range(3_000)]
    for uid in uids:
        progress.fail(uid, "gone")
    encoded = progress.failed_list(syntax)  # type: ignore[arg-type]
    ds = decode(BytesIO(encoded), syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian)
    listed = list(ds.FailedSOPInstanceUIDList)
    assert listed == uids[: len(listed)]
    assert MAXIMUM_LIST_BYTES - 70 < len("\\".join(listed)) <= MAXIMUM_LIST_BYTES
    assert progress.failed == 3_000


def test_nothing_failed_needs_no_list() -> None:
    assert Progress(1).failed_list(ImplicitVRLittleEndian) == b""
