"""Real peers on loopback, good and bad: what Gantry sends to, and a caller that sends to Gantry."""

import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation, MaximumLengthNotification
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from dicomnet.allowlist import Allowlist, Entry, Rights
from dicomnet.scp.server import Listener as DicomListener
from dicomnet.scu.association import Peer, RequestorAssociation
from dicomnet.wire import pdu
from studies.spool import Spool

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.01


def peer(port: int, ae_title: str = "PEER", *, timeout_seconds: float = 5, calling: str = "GANTRY") -> Peer:
    """A peer on loopback with short deadlines."""
    return Peer(
        ae_title=ae_title,
        host=LOOPBACK,
        port=port,
        calling_ae_title=calling,
        connect_timeout_seconds=timeout_seconds,
        acse_timeout_seconds=timeout_seconds,
        dimse_timeout_seconds=timeout_seconds,
    )


@contextmanager
def serving(server: ThreadedAssociationServer) -> Iterator[int]:
    """Run a server of pynetdicom in a thread; yields its port."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class StoringPeer:
    """A storage provider made with pynetdicom, which does as it is told.

    Attributes:
        received: data set bytes by SOP Instance UID, in the order of their coming.
        calls: SOP Instance UID of each request, refused ones too.
        statuses: what to answer to the next requests; success when there are no more.
        always: what to answer to every request that nothing else is said of.
        keeps_nothing: answer with success, and drop what came.
        status_of: what to answer for one SOP Instance UID, whatever ``statuses`` says.
        rejection: (result, source, reason) for each association; None accepts.
        takes_nothing: accept associations, but none of their presentation contexts.
        abort_at: SOP Instance UID at whose request the association is aborted.
        close_at: the same, but the connection is closed without a word.
        hold: SOP Instance UIDs that are answered only when ``let_go`` is set.
        maximum_at_once: associations; one more is rejected for now, as for a local limit.
        does_not_echo: take no Verification.
        most_at_once: associations that were open together.
        refused: associations, for there were too many.
    """

    port: int = 0
    received: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    syntaxes: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    always: int = 0
    keeps_nothing: bool = False
    status_of: dict[str, int] = field(default_factory=dict)
    delay_seconds: float = 0
    rejection: tuple[int, int, int] | None = None
    takes_nothing: bool = False
    abort_at: str = ""
    close_at: str = ""
    associations: int = 0
    hold: set[str] = field(default_factory=set)
    let_go: threading.Event = field(default_factory=threading.Event)
    maximum_at_once: int | None = None
    does_not_echo: bool = False
    most_at_once: int = 0
    refused: int = 0
    open: set[Any] = field(default_factory=set)

    def _on_closed(self, event: evt.Event) -> None:
        self.open.discard(event.assoc)

    def _on_requested(self, event: evt.Event) -> None:
        assoc: Any = event.assoc
        self.associations += 1
        if self.maximum_at_once is not None and len(self.open) >= self.maximum_at_once:
            self.refused += 1
            assoc.acse.send_reject(2, 3, 2)
            assoc.kill()
            return
        self.open.add(assoc)
        self.most_at_once = max(self.most_at_once, len(self.open))
        if self.rejection is not None:
            assoc.acse.send_reject(*self.rejection)
            assoc.kill()  # returns once it is sent and the connection is closed
        elif self.takes_nothing:
            assoc.acceptor.supported_contexts = [build_context("1.2.3.4")]

    def _on_c_store(self, event: evt.Event) -> int:
        request: Any = event.request
        uid = str(request.AffectedSOPInstanceUID)
        self.calls.append(uid)
        time.sleep(self.delay_seconds)
        if uid in self.hold:
            self.let_go.wait(60)
        assoc: Any = event.assoc
        if uid == self.abort_at:
            assoc.abort()
            return 0
        if uid == self.close_at:
            assoc.dul.socket.close()
            return 0
        status = self.status_of.get(uid, self.statuses.pop(0) if self.statuses else self.always)
        if self.keeps_nothing:
            return status
        if status == 0 or 0xB000 <= status <= 0xBFFF:
            self.received[uid] = request.DataSet.getvalue()
            self.syntaxes[uid] = str(event.context.transfer_syntax)
        return status


@contextmanager
def storing_peer(port: int = 0, *, tls: ssl.SSLContext | None = None, **told: Any) -> Iterator[StoringPeer]:
    """Run a StoringPeer on a free port, or on this one; takes every storage class in every transfer syntax."""
    found = StoringPeer(**told)
    ae = AE(ae_title="PEER")
    ae.maximum_pdu_size = 65_536
    contexts = [
        build_context(abstract_syntax, list(AllTransferSyntaxes))
        for abstract_syntax in [
            *(str(cx.abstract_syntax) for cx in AllStoragePresentationContexts),
            *([] if found.does_not_echo else [Verification]),
        ]
    ]
    handlers: list[Any] = [
        (evt.EVT_REQUESTED, found._on_requested),
        (evt.EVT_C_STORE, found._on_c_store),
        (evt.EVT_CONN_CLOSE, found._on_closed),
    ]
    server = ae.make_server(
        (LOOPBACK, port),
        contexts=contexts,
        evt_handlers=handlers,
        ssl_context=tls,
        server_class=ThreadedAssociationServer,
    )
    ae._servers.append(server)
    with serving(server) as found.port:
        yield found


@contextmanager
def tcp_peer(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on a free port and hand each connection to ``serve``, in a thread of its own."""
    stop = threading.Event()
    connections: list[socket.socket] = []

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection)

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    with socket.create_server((LOOPBACK, 0)) as listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stop.set()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                connection.close()
            thread.join()


def read_exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes, or OSError when the connection ends before."""
    out = b""
    while len(out) < count:
        piece = connection.recv(count - len(out))
        if not piece:
            raise ConnectionError("closed")
        out += piece
    return out


def is_cut_off(connection: socket.socket) -> bool:
    """The other end closed, or reset because bytes were under way when it closed."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def read_pdu(connection: socket.socket) -> tuple[int, bytes]:
    """Type and body of the next PDU (PS3.8 9.3.1)."""
    kind, length = struct.unpack(">BxL", read_exactly(connection, 6))
    return kind, read_exactly(connection, length)


def accept_association(connection: socket.socket, *, window: int | None = None, maximum_pdu: int | None = None) -> None:
    """Read an A-ASSOCIATE-RQ and accept all its contexts, each in its first transfer syntax.

    Args:
        connection: of the requestor.
        window: operations to grant; None grants what is asked for.
        maximum_pdu: to announce; None announces the requestor's own.
    """
    kind, body = read_pdu(connection)
    request = A_ASSOCIATE_RQ()
    request.decode(struct.pack(">BxL", kind, len(body)) + body)
    primitive = request.to_primitive()
    primitive.result = 0
    primitive.result_source = 1
    results = []
    for context in primitive.presentation_context_definition_list:
        context.transfer_syntax = [context.transfer_syntax[0]]
        context.result = 0
        results.append(context)
    primitive.presentation_context_definition_results_list = results
    for item in primitive.user_information:
        if isinstance(item, AsynchronousOperationsWindowNegotiation) and window is not None:
            item.maximum_number_operations_invoked = window
        elif isinstance(item, MaximumLengthNotification) and maximum_pdu is not None:
            item.maximum_length_received = maximum_pdu
    answer = A_ASSOCIATE_AC()
    answer.from_primitive(primitive)
    connection.sendall(answer.encode())


def read_message(connection: socket.socket) -> tuple[int, dict[int, bytes]]:
    """Context ID and command set of the next message; its data set, when it has one, is read and dropped."""
    context_id, command, has_data_set, is_command_whole = 0, b"", False, False
    while True:
        kind, body = read_pdu(connection)
        if kind != pdu.P_DATA_TF:
            raise ConnectionError("released or aborted")
        position = 0
        while position < len(body):
            (length,) = struct.unpack_from(">L", body, position)
            context_id, control = body[position + 4], body[position + 5]
            fragment = body[position + 6 : position + 4 + length]
            position += 4 + length
            if control & 1:
                command += fragment
            is_last = bool(control & 2)
            if control & 1 and is_last:
                is_command_whole = True
                has_data_set = command_elements(command).get(0x0800) != b"\x01\x01"
                if not has_data_set:
                    return context_id, command_elements(command)
            elif is_last and is_command_whole:
                return context_id, command_elements(command)


def command_elements(command: bytes) -> dict[int, bytes]:
    """A command set by element number (PS3.7 6.3.1)."""
    found, position = {}, 0
    while position + 8 <= len(command):
        _, number, length = struct.unpack_from("<HHL", command, position)
        found[number] = command[position + 8 : position + 8 + length]
        position += 8 + length
    return found


def command_set(elements: dict[int, bytes]) -> bytes:
    """A command set from values by element number."""
    body = b"".join(struct.pack("<HHL", 0, number, len(value)) + value for number, value in sorted(elements.items()))
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def p_data(*fragments: tuple[int, int, bytes]) -> bytes:
    """A P-DATA-TF PDU of these (context ID, control byte, fragment)."""
    body = b"".join(struct.pack(">LBB", len(data) + 2, context, control) + data for context, control, data in fragments)
    return struct.pack(">BxL", 4, len(body)) + body


Answer = Callable[[socket.socket, int, dict[int, bytes]], None]


@contextmanager
def scripted_peer(answer: Answer, **granted: int) -> Iterator[int]:
    """Accept every association and have ``answer(connection, context_id, command)`` reply to each message."""

    def serve(connection: socket.socket) -> None:
        accept_association(connection, **granted)
        while True:
            answer(connection, *read_message(connection))

    with tcp_peer(serve) as port:
        yield port


@contextmanager
def silent_port() -> Iterator[int]:
    """Somebody who accepts connections and never says a word."""
    stop = threading.Event()

    def say_nothing(connection: socket.socket) -> None:
        stop.wait(60)

    with tcp_peer(say_nothing) as port:
        try:
            yield port
        finally:
            stop.set()


def refused_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def has_dcmtk() -> bool:
    """DCMTK's tools are installed."""
    return shutil.which("storescp") is not None


@contextmanager
def dcmtk_storescp(folder: Path, *args: str) -> Iterator[int]:
    """DCMTK's storage provider, which writes what it gets into a folder, bit for bit with ``+B``."""
    port = refused_port()
    command = ["storescp", "-od", str(folder), "-aet", "DCMTK", "+xa", *args, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_open(port)
        yield port
    finally:
        process.kill()
        process.wait()


def _wait_until_open(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((LOOPBACK, port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


class FixedAllowlist(Allowlist):
    """An allowlist that is given its entries and asks no database."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = tuple(entries)


ANYBODY = Entry("*", "127.0.0.0/8", "", Rights(may_echo=True, may_store=True))


@contextmanager
def gantry(*entries: Entry) -> Iterator[int]:
    """Our own listener on a free port of loopback; without entries anybody may echo and store."""
    listener = DicomListener("GANTRY", FixedAllowlist(entries or [ANYBODY]))
    try:
        yield listener.listen((LOOPBACK, 0))
    finally:
        listener.stop(grace_seconds=0)


@dataclass(frozen=True)
class Listener:
    """Our listener as it runs in a test.

    Attributes:
        rung: one entry for each time that the indexer's bell was rung.
    """

    port: int
    spool: Spool
    rung: list[str]

    def litter(self) -> list[Path]:
        """All files in the spool's folder."""
        return [path for path in self.spool.root.rglob("*") if path.is_file()]


@dataclass(frozen=True)
class Reply:
    """A C-STORE response."""

    status: int
    comment: str
    offending_element: bytes


class Caller(RequestorAssociation):
    """An association to our listener on which any bytes may be sent."""

    def store(self, data: bytes, context: tuple[str, str], *, sop_class_uid: str, sop_instance_uid: str) -> Reply:
        """Send one C-STORE request and wait for its response."""
        message_id = self.next_message_id()
        elements = [
            (pdu.AFFECTED_SOP_CLASS_UID, _even(sop_class_uid)),
            (pdu.COMMAND_FIELD, pdu.C_STORE_RQ),
            (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
            (pdu.PRIORITY, pdu.encode_us(0)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
            (pdu.AFFECTED_SOP_INSTANCE_UID, _even(sop_instance_uid)),
        ]
        context_id = self.contexts[context]
        self.write(self.message(context_id, elements, data), self.peer.dimse_timeout_seconds)
        if not data:
            self.write(pdu.fragment_header(context_id, 0, pdu.IS_LAST), self.peer.dimse_timeout_seconds)
        response = self.read_status(message_id, self.peer.dimse_timeout_seconds)
        return Reply(response.status or 0, response.comment, response.elements.get(pdu.OFFENDING_ELEMENT, b""))

    def echo(self) -> int:
        """C-ECHO on the same association; the status."""
        context_id = next(number for (abstract, _), number in self.contexts.items() if abstract == Verification)
        message_id = self.next_message_id()
        elements = [
            (pdu.AFFECTED_SOP_CLASS_UID, _even(Verification)),
            (pdu.COMMAND_FIELD, pdu.C_ECHO_RQ),
            (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
        ]
        self.write(self.message(context_id, elements), self.peer.dimse_timeout_seconds)
        return self.read_status(message_id, self.peer.dimse_timeout_seconds).status or 0


def _even(text: str) -> bytes:
    value = text.encode("ascii")
    return value + b"\0" * (len(value) % 2)
