"""Retrieve requests that mean ill: each is answered with a status, and the association goes on (PS3.7 9.3.3, C)."""

import struct
import time
from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)
from pytest_django import Settings

from dicomnet.wire import pdu
from dicomnet.wire.inbox import Command, DataSet
from dicomnet.wire.peer import PeerError
from dicomnet.wire.proposal import Role
from gateway.env import Environment
from tests.corpus import CT, EXPLICIT, encoded
from tests.modality import wait_until
from tests.peers import Caller, gantry, peer
from tests.retrieving import IMPLICIT, MAY_RETRIEVE, ask, calling, identifier, keep_study

pytestmark = pytest.mark.django_db(transaction=True)
GET, MOVE = str(StudyRootQueryRetrieveInformationModelGet), str(StudyRootQueryRetrieveInformationModelMove)
THE_STUDY = encoded(identifier("STUDY", StudyInstanceUID="1.1"), IMPLICIT)


@pytest.fixture
def caller(home: Environment, settings: Settings) -> Iterator[Caller]:
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    with gantry(MAY_RETRIEVE) as port, calling(port, GET, MOVE) as found:
        yield found


def sequences(depth: int) -> bytes:
    """Sequences within each other, in Implicit VR Little Endian."""
    inner = b""
    for _ in range(depth):
        item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
        inner = struct.pack("<HHL", 0x0008, 0x1115, len(item)) + item
    return inner


def open_sequences(depth: int) -> bytes:
    """The same, of undefined length, and none of them ends."""
    return struct.pack("<HHLHHL", 0x0008, 0x1115, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) * depth


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (None, 0xA900),
        (b"", 0xA900),
        (b"\xff" * 64, 0xA900),
        (b"\x08\x00\x52\x00\xf0\xff\xff\xffSTUDY ", 0xA900),
        (sequences(2_000), 0xA900),
        (open_sequences(20_000), 0xA900),
        (THE_STUDY + b"\x09\x00\x10\x00" * 2 + b"\0" * (3 << 20), 0xA701),
        (identifier("STUDY", StudyInstanceUID=[f"1.2.{number}" for number in range(10_000)]), 0x0000),
        (identifier("STUDY", StudyInstanceUID=[f"1.2.{number}" for number in range(20_001)]), 0xA701),
        (identifier("STUDY", StudyInstanceUID="' OR 1=1 --"), 0xA900),
        (identifier("STUDY", StudyInstanceUID="%"), 0xA900),
    ],
    ids=[
        "none",
        "empty",
        "no DICOM",
        "cut off",
        "2,000 deep",
        "20,000 deep",
        "3 MB",
        "10,000 UIDs",
        "20,001 UIDs",
        "SQL",
        "a percent sign",
    ],
)
def test_an_identifier_that_means_ill_has_a_status(caller: Caller, data: bytes | None, status: int) -> None:
    answer = ask(caller, GET, pdu.C_GET_RQ, data)
    assert answer.status == status
    assert answer.comment or status == 0x0000
    assert caller.echo() == 0x0000


def test_a_sop_class_that_is_not_that_of_its_context_is_refused(caller: Caller) -> None:
    asked = identifier("STUDY", StudyInstanceUID="1.1")
    assert ask(caller, GET, pdu.C_GET_RQ, asked, sop_class_uid=MOVE).status == 0x0122
    assert caller.echo() == 0x0000


@pytest.mark.parametrize(("model", "field"), [(GET, pdu.C_MOVE_RQ), (MOVE, pdu.C_GET_RQ), (GET, pdu.C_FIND_RQ)])
def test_another_operation_than_that_of_its_context_is_not_recognised(caller: Caller, model: str, field: bytes) -> None:
    assert ask(caller, model, field, identifier("STUDY", StudyInstanceUID="1.1")).status == 0x0211
    assert caller.echo() == 0x0000


def test_a_caller_that_asks_for_something_else_in_the_middle_is_aborted(
    home: Environment, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Its answers would lie behind that request, which waits for the one in service."""
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    keep_study()
    contexts = [(GET, IMPLICIT), (CT, EXPLICIT), (str(Verification), IMPLICIT)]
    with gantry(MAY_RETRIEVE) as port:
        caller = Caller(peer(port, "GANTRY"), contexts, roles={CT: Role(is_scu=False, is_scp=True)})
        sub_operation = ask_without_waiting(caller, GET, identifier("STUDY", StudyInstanceUID="1.1"))
        assert sub_operation[pdu.COMMAND_FIELD] == pdu.C_STORE_RQ
        with pytest.raises(PeerError):
            caller.echo()
        wait_until(lambda: "retrieval cut off" in caplog.messages or "retrieval ended" in caplog.messages)
        caller.abort()


@pytest.mark.parametrize(
    ("answered", "is_over"),
    [({pdu.MESSAGE_ID_BEING_RESPONDED_TO: b"\x09\x09"}, True), ({pdu.STATUS: b""}, True), ({}, False)],
    ids=["another message", "no status", "as it should be"],
)
def test_an_answer_to_something_else_ends_it(
    home: Environment, settings: Settings, answered: dict[int, bytes], is_over: bool
) -> None:
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    keep_study(instances=1)
    with gantry(MAY_RETRIEVE) as port:
        caller = Caller(
            peer(port, "GANTRY"), [(GET, IMPLICIT), (CT, EXPLICIT)], roles={CT: Role(is_scu=False, is_scp=True)}
        )
        sub_operation = ask_without_waiting(caller, GET, identifier("STUDY", StudyInstanceUID="1.1"))
        elements = {
            pdu.COMMAND_FIELD: pdu.C_STORE_RSP,
            pdu.MESSAGE_ID_BEING_RESPONDED_TO: sub_operation[pdu.MESSAGE_ID],
            pdu.COMMAND_DATA_SET_TYPE: pdu.NO_DATA_SET,
            pdu.STATUS: b"\0\0",
            **answered,
        }
        caller.write(caller.message(caller.contexts[CT, EXPLICIT], sorted(elements.items())), 5)
        if is_over:
            with pytest.raises(PeerError):
                caller.read(time.monotonic() + 20)
        else:
            final = caller.read(time.monotonic() + 20)
            assert isinstance(final, Command)
            assert (final.status, final.answers) == (0x0000, 1)
        caller.abort()


def ask_without_waiting(caller: Caller, model: str, asked: Dataset) -> dict[int, bytes]:
    """Ask by C-GET; the first command set that comes."""
    elements = [
        (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(model)),
        (pdu.COMMAND_FIELD, pdu.C_GET_RQ),
        (pdu.MESSAGE_ID, pdu.encode_us(1)),
        (pdu.PRIORITY, pdu.encode_us(0)),
        (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
    ]
    caller.write(caller.message(caller.contexts[model, IMPLICIT], elements, encoded(asked, IMPLICIT)), 5)
    command, data = caller.read(time.monotonic() + 20), caller.read(time.monotonic() + 20)
    assert isinstance(command, Command)
    assert isinstance(data, DataSet)
    return command.elements
