"""Queries over pooled associations against good and bad peers (PS3.4 C.4.1)."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context
from pynetdicom.transport import ThreadedAssociationServer

from dicomnet.scu.association import AssociationRejected, NoContextAccepted, PeerError
from dicomnet.scu.find import PATIENT_ROOT, STUDY_ROOT, FindLimits, FindRefused, Query, find_pool
from dicomnet.scu.pool import AssociationPool
from dicomnet.scu.store import Outgoing, StoreAssociation
from dicomnet.wire import find
from tests.corpus import data_set, write_part10
from tests.journeys.dcmtk import orthanc, process
from tests.journeys.product import free_port
from tests.peers import (
    LOOPBACK,
    accept_association,
    command_set,
    p_data,
    peer,
    read_message,
    refused_port,
    scripted_peer,
    serving,
    silent_port,
    tcp_peer,
)

PENDING, SUCCESS, CANCEL = 0xFF00, 0x0000, 0x0FFF


def keys(**wanted: Any) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.StudyInstanceUID = ""
    for keyword, value in wanted.items():
        setattr(ds, keyword, value)
    return ds


def matching(number: int) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.StudyInstanceUID = f"1.2.3.{number}"
    return ds


@pytest.fixture
def pool() -> Iterator[AssociationPool]:
    with closing(find_pool(idle_seconds=60)) as made:
        yield made


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled peer may take its time: on a busy machine pynetdicom notices late."""
    monkeypatch.setattr(find, "CANCEL_TIMEOUT_SECONDS", 60)


class Archive:
    """A query provider made with pynetdicom.

    Attributes:
        was_cancelled: one query was ended by C-CANCEL.
    """

    def __init__(self, count: int, *, final: int = SUCCESS, pending: int = PENDING) -> None:
        self.count = count
        self.final = final
        self.pending = pending
        self.associations = 0
        self.asked: list[Dataset] = []
        self.was_cancelled = False
        self.going_on = threading.Event()
        self.going_on.set()

    def on_find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        self.asked.append(event.identifier)
        for number in range(self.count):
            if number == 50 and not self.going_on.is_set():
                self.going_on.wait(30)  # the cancel request is on its way
            if event.is_cancelled:
                self.was_cancelled = True
                yield 0xFE00, None
                return
            yield self.pending, matching(number)
        if self.final:
            yield self.final, None

    def on_accepted(self, event: evt.Event) -> None:
        self.associations += 1


@contextmanager
def archive(count: int, syntaxes: tuple[str, ...] = (), **told: int) -> Iterator[tuple[int, Archive]]:
    found = Archive(count, **told)
    ae = AE(ae_title="PEER")
    contexts = [build_context(STUDY_ROOT, list(syntaxes)) if syntaxes else build_context(STUDY_ROOT)]
    handlers: list[Any] = [(evt.EVT_C_FIND, found.on_find), (evt.EVT_ACCEPTED, found.on_accepted)]
    server = ae.make_server(
        (LOOPBACK, 0), contexts=contexts, evt_handlers=handlers, server_class=ThreadedAssociationServer
    )
    ae._servers.append(server)
    with serving(server) as port:
        yield port, found


def uids(query: Query) -> list[str]:
    return [match.dataset().StudyInstanceUID for match in query]


@pytest.mark.parametrize("syntaxes", [(), (str(ImplicitVRLittleEndian),)], ids=["explicit", "implicit"])
def test_all_matches_of_many_queries_come_over_one_association(
    pool: AssociationPool, syntaxes: tuple[str, ...]
) -> None:
    with archive(20, syntaxes) as (port, held):
        for _ in range(5):
            query = Query(pool, peer(port), keys(PatientID="7"))
            assert uids(query) == [f"1.2.3.{number}" for number in range(20)]
            assert (query.is_cut_short, query.ignores_keys) == (False, False)
        assert held.associations == 1
        assert [ds.PatientID for ds in held.asked] == ["7"] * 5
        pool.close()


def test_no_match_is_an_empty_answer(pool: AssociationPool) -> None:
    with archive(0) as (port, _):
        assert uids(Query(pool, peer(port), keys())) == []
        pool.close()


def test_keys_that_the_peer_ignores_are_told(pool: AssociationPool) -> None:
    with archive(1, pending=0xFF01) as (port, _):
        query = Query(pool, peer(port), keys())
        assert len(uids(query)) == 1
        assert query.ignores_keys
        pool.close()


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("limits", [FindLimits(matches=10), FindLimits(size_bytes=300)], ids=["count", "bytes"])
def test_a_limit_cancels_and_the_association_is_used_again(pool: AssociationPool, limits: FindLimits) -> None:
    with archive(5000) as (port, held):
        query = Query(pool, peer(port), keys(), limits=limits)
        assert 5 <= len(uids(query)) <= 10
        assert query.is_cut_short
        held.count = 3
        assert len(uids(Query(pool, peer(port), keys()))) == 3
        assert held.associations == 1
        pool.close()


def test_exactly_as_many_as_the_limit_are_not_cut_short(pool: AssociationPool) -> None:
    with archive(10) as (port, _):
        query = Query(pool, peer(port), keys(), limits=FindLimits(matches=10))
        assert len(uids(query)) == 10
        assert not query.is_cut_short
        pool.close()


@pytest.mark.usefixtures("patience")
def test_leaving_early_sends_a_cancel_that_the_peer_obeys(pool: AssociationPool) -> None:
    with archive(100_000) as (port, held):
        held.going_on.clear()
        with closing(iter(Query(pool, peer(port), keys()))) as matches:
            next(matches)
            threading.Timer(0.3, held.going_on.set).start()  # lets the cancel arrive first, as it nearly always would
        assert held.was_cancelled
        held.count = 1
        assert len(uids(Query(pool, peer(port), keys()))) == 1
        assert held.associations == 1
        pool.close()


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xC001, 0x0122])
def test_a_refusal_is_an_error_and_the_association_stands(pool: AssociationPool, status: int) -> None:
    with archive(0, final=status) as (port, held):
        for _ in range(2):
            with pytest.raises(FindRefused, match=f"0x{status:04X}") as found:
                uids(Query(pool, peer(port), keys()))
            assert found.value.status == status
        assert held.associations == 1
        assert len(held.asked) == 2
        pool.close()


def test_a_model_that_the_peer_does_not_take_is_named(pool: AssociationPool) -> None:
    with archive(1) as (port, _):
        with pytest.raises(PeerError, match="takes no queries of the model Patient Root"):
            uids(Query(pool, peer(port), keys(), model=PATIENT_ROOT))
        pool.close()


def pending(context_id: int, message_id: bytes, ds: bytes) -> bytes:
    elements = {0x0100: b"\x20\x80", 0x0120: message_id, 0x0800: b"\0\0", 0x0900: struct.pack("<H", PENDING)}
    return p_data((context_id, 3, command_set(elements)), (context_id, 2, ds))


def final(context_id: int, message_id: bytes, status: int = SUCCESS) -> bytes:
    elements = {0x0100: b"\x20\x80", 0x0120: message_id, 0x0800: b"\1\1", 0x0900: struct.pack("<H", status)}
    return p_data((context_id, 3, command_set(elements)))


IDENTIFIER = b"\x20\0\x0d\0UI\x04\x001.2\0"


class Leaving:
    """Answers ``answers`` queries on each association; at the next it closes without a word."""

    def __init__(self, answers: int) -> None:
        self.answers = answers
        self.associations = 0

    def __call__(self, connection: socket.socket) -> None:
        self.associations += 1
        accept_association(connection)
        for _ in range(self.answers):
            context_id, command = read_message(connection)
            connection.sendall(pending(context_id, command[0x0110], IDENTIFIER))
            connection.sendall(final(context_id, command[0x0110]))
        read_message(connection)


def test_a_waiting_association_that_proves_broken_is_replaced_once(pool: AssociationPool) -> None:
    leaving = Leaving(1)
    with tcp_peer(leaving) as port:
        for _ in range(3):
            assert uids(Query(pool, peer(port), keys())) == ["1.2"]
    assert leaving.associations == 3


def test_a_fresh_association_that_breaks_is_not_tried_again(pool: AssociationPool) -> None:
    leaving = Leaving(0)
    with tcp_peer(leaving) as port, pytest.raises(PeerError, match=r"closed|broke"):
        uids(Query(pool, peer(port), keys()))
    assert leaving.associations == 1


def test_after_a_match_nothing_is_asked_again(pool: AssociationPool) -> None:
    asked = 0

    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        nonlocal asked
        asked += 1
        connection.sendall(pending(context_id, command[0x0110], IDENTIFIER))
        if asked == 2:
            raise ConnectionError
        connection.sendall(final(context_id, command[0x0110]))

    with scripted_peer(answer) as port:
        assert uids(Query(pool, peer(port), keys())) == ["1.2"]
        with pytest.raises(PeerError):
            uids(Query(pool, peer(port), keys()))
    assert asked == 2


def test_a_waiting_association_that_the_peer_closed_is_not_lent(pool: AssociationPool) -> None:
    closed = threading.Event()
    count = 0

    def serve(connection: socket.socket) -> None:
        nonlocal count
        count += 1
        accept_association(connection)
        context_id, command = read_message(connection)
        connection.sendall(final(context_id, command[0x0110]))
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with tcp_peer(serve) as port:
        for _ in range(2):
            assert uids(Query(pool, peer(port), keys())) == []
            assert closed.wait(20)
    assert count == 2


WRONG: dict[str, Callable[[int, bytes], bytes]] = {
    "another message": lambda context, _: final(context, b"\x99\x99"),
    "a match without an identifier": lambda context, number: p_data(
        (context, 3, command_set({0x0120: number, 0x0800: b"\1\1", 0x0900: b"\0\xff"}))
    ),
    "an identifier without a response": lambda context, _: p_data((context, 2, IDENTIFIER)),
    "an abort": lambda *_: struct.pack(">BxLL", 7, 4, 0),
    "an identifier that does not end": lambda context, number: (
        pending(context, number, b"")[:-6] + p_data((context, 0, bytes(100_000))) * 12
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_peer_that_answers_wrongly_is_an_error_and_lent_to_nobody_else(pool: AssociationPool, name: str) -> None:
    associations = 0

    def serve(connection: socket.socket) -> None:
        nonlocal associations
        associations += 1
        accept_association(connection)
        context_id, command = read_message(connection)
        connection.sendall(WRONG[name](context_id, command[0x0110]))
        connection.recv(1000)

    with tcp_peer(serve) as port:
        for _ in range(2):
            with pytest.raises(PeerError):
                uids(Query(pool, peer(port, timeout_seconds=20), keys()))
    assert associations == 2


def test_a_peer_that_never_finishes_meets_the_deadline(pool: AssociationPool) -> None:
    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        while True:
            connection.sendall(pending(context_id, command[0x0110], IDENTIFIER))

    with scripted_peer(answer) as port, pytest.raises(PeerError, match="in time"):
        uids(Query(pool, peer(port), keys(), limits=FindLimits(matches=1 << 40, size_bytes=1 << 50, seconds=0.3)))


def test_a_peer_that_never_answers_meets_the_deadline(pool: AssociationPool) -> None:
    with (
        scripted_peer(lambda *_: None) as port,
        pytest.raises(PeerError, match="in time"),
    ):
        uids(Query(pool, peer(port), keys(), limits=FindLimits(seconds=0.3)))


def test_no_more_associations_than_the_cap_are_open_whoever_asks() -> None:
    pool = find_pool(per_peer=2, patience_seconds=60)
    results: list[int] = []
    with archive(5) as (port, held):

        def ask() -> None:
            results.extend(len(uids(Query(pool, peer(port), keys()))) for _ in range(5))

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pool.close()
    assert results == [5] * 30
    assert held.associations <= 2


def test_all_lent_is_an_error_after_a_while() -> None:
    with archive(5) as (port, _), closing(find_pool(per_peer=1, patience_seconds=0.1)) as pool:
        matches = iter(Query(pool, peer(port), keys()))
        next(matches)
        with pytest.raises(PeerError, match=r"all 1 associations with PEER .* are in use"):
            uids(Query(pool, peer(port), keys()))
        matches.close()
        assert len(uids(Query(pool, peer(port), keys()))) == 5


def test_what_has_waited_for_too_long_is_released_and_not_lent() -> None:
    with archive(1) as (port, held), closing(find_pool(idle_seconds=0)) as pool:
        for _ in range(3):
            assert len(uids(Query(pool, peer(port), keys()))) == 1
        assert held.associations == 3


def test_a_peer_that_cannot_be_reached_leaves_room_for_the_next_try() -> None:
    with closing(find_pool(per_peer=1, patience_seconds=0.1)) as pool:
        port = refused_port()
        for _ in range(3):
            with pytest.raises(PeerError, match="nobody listens"):
                uids(Query(pool, peer(port), keys()))
        with silent_port() as silent, pytest.raises(PeerError, match="did not answer"):
            uids(Query(pool, peer(silent, timeout_seconds=0.3), keys()))


QR = """NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
QRSCP {store} RW (100, 1gb) ANY
AETable END
"""


def three_studies(folder: Path) -> list[Outgoing]:
    folder.mkdir()
    paths = [
        write_part10(
            folder,
            data_set(sop_instance_uid=f"1.2.3.{number}.9".encode(), study_instance_uid=f"1.2.3.{number}".encode()),
            uid=f"1.2.3.{number}.9",
        )
        for number in range(3)
    ]
    return [Outgoing.from_file(path) for path in paths]


def fill_and_ask(port: int, ae_title: str, folder: Path) -> None:
    called = peer(port, ae_title, timeout_seconds=20)
    instances = three_studies(folder)
    with StoreAssociation(called, [instance.context for instance in instances]) as assoc:
        assert all(sent.outcome.is_stored for sent in assoc.send_all(instances))  # type: ignore[union-attr]
    with closing(find_pool()) as pool:
        for _ in range(3):
            assert sorted(uids(Query(pool, called, keys()))) == ["1.2.3.0", "1.2.3.1", "1.2.3.2"]
            assert uids(Query(pool, called, keys(StudyInstanceUID="1.2.3.1"))) == ["1.2.3.1"]
        cut = Query(pool, called, keys(), limits=FindLimits(matches=1))
        assert len(uids(cut)) == 1
        assert cut.is_cut_short
        assert uids(Query(pool, called, keys(StudyInstanceUID="1.2.3.2"))) == ["1.2.3.2"]


@pytest.mark.peers
def test_dcmqrscp_is_asked(tmp_path: Path) -> None:
    port = free_port()
    store = tmp_path / "store"
    store.mkdir()
    (tmp_path / "qr.cfg").write_text(QR.format(port=port, store=store))
    with process("dcmqrscp", "-c", str(tmp_path / "qr.cfg"), port=port, log=tmp_path / "log"):
        fill_and_ask(port, "QRSCP", tmp_path / "files")


@pytest.mark.peers
def test_orthanc_is_asked(tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc", DicomAlwaysAllowFind=True) as (port, _):
        fill_and_ask(port, "ORTHANC", tmp_path / "files")


def test_a_rejection_is_told_as_such(pool: AssociationPool) -> None:
    rejection = struct.pack(">BxLBBBB", 3, 4, 0, 2, 3, 1)

    def serve(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(rejection)

    with tcp_peer(serve) as port, pytest.raises(AssociationRejected, match="congestion"):
        uids(Query(pool, peer(port), keys()))


def test_a_peer_without_queries_is_told_as_such(pool: AssociationPool) -> None:
    with archive(1, ("1.2.840.10008.1.2.2",)) as (port, _), pytest.raises(NoContextAccepted):
        uids(Query(pool, peer(port), keys()))
