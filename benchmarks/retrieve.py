"""How fast a study of 500 CT is fetched, by C-GET and by C-MOVE; caller and place take everything and keep none.

Both archives hold the same files, taken in and indexed before the clock starts. The caller is the harness's own and
looks at no more of an instance than its end.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from benchmarks.bench import Bench
from benchmarks.gantry import Template, gantry
from benchmarks.instances import KINDS, ROOT
from benchmarks.meter import MIB, cpu_seconds, forget_peaks, peak_bytes
from benchmarks.receive import sending, wait_until_stored
from benchmarks.receivers import Failed, Receiver, orthanc, storescp
from benchmarks.wire import clock
from dicomnet.wire import pdu
from dicomnet.wire.peer import Peer
from dicomnet.wire.proposal import Role
from dicomnet.wire.requestor import RequestorAssociation

STUDY = f"{ROOT}.{KINDS['retrieve'].number}.1"
GET, MOVE = str(StudyRootQueryRetrieveInformationModelGet), str(StudyRootQueryRetrieveInformationModelMove)
CT, IMPLICIT = str(CTImageStorage), str(ImplicitVRLittleEndian)
SERVICES = {GET: pdu.C_GET_RQ, MOVE: pdu.C_MOVE_RQ}
PLACE = "PLACE"
ROUNDS = 3
SETTLE_SECONDS = 1  # an archive has work of its own after taking instances
BUFFER_BYTES = 1 << 18
PENDING = 0xFF00
Start = Callable[[Path, int], AbstractContextManager[Receiver]]
Figures = dict[str, float]


def gantry_archive(template: Template) -> Start:
    """Gantry, with a destination to which C-MOVE may send."""

    @contextmanager
    def start(folder: Path, place: int) -> Iterator[Receiver]:
        with gantry(folder, template) as (receiver, running):
            code = (
                "from routing.models import Destination; "
                f"Destination.objects.create(name={PLACE!r}, ae_title={PLACE!r}, host='127.0.0.1', port={place})"
            )
            done = running.run("shell", "--no-imports", "-c", code)
            if done.returncode:
                raise Failed(done.stderr[-300:])
            yield receiver

    return start


@contextmanager
def orthanc_archive(folder: Path, place: int) -> Iterator[Receiver]:
    """Orthanc, which knows the same place and serves everybody."""
    settings: dict[str, Any] = {
        "DicomModalities": {"place": [PLACE, "127.0.0.1", place]},
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
    }
    with orthanc(folder, **settings) as receiver:
        yield receiver


def measure(bench: Bench, start: Start, service: str) -> Figures:
    """Fetch the study some times.

    Raises:
        Failed: not every instance came.
    """
    paths = bench.files("retrieve")
    with bench.room() as folder, storescp(folder, "--fork", "--ignore", "-pdu", "131072") as place:
        (folder / "archive").mkdir()
        with start(folder / "archive", place.address.port) as archive:
            with sending(archive.address, paths, 4) as sender:
                sender.start()
                sent = sender.result()
                sent.check(len(paths))
            wait_until_stored(archive, len(paths), sent.ended)
            time.sleep(SETTLE_SECONDS)
            forget_peaks(archive.roots)
            cpu = cpu_seconds(archive.roots)
            seconds = [fetch(archive, service, len(paths)) for _ in range(ROUNDS)]
            spent = cpu_seconds(archive.roots) - cpu
            memory = peak_bytes(archive.listeners) / MIB
            if not archive.is_alive():
                raise Failed("the archive ended by itself")
    return {
        "fetched/s": len(paths) * ROUNDS / sum(seconds),
        "cpu s/1000": spent * 1000 / (len(paths) * ROUNDS),
        "listener MiB": memory,
    }


def fetch(archive: Receiver, service: str, count: int) -> float:
    """Fetch the study once; the seconds from the request to the final response.

    Raises:
        Failed: the status is no success, or the counts are others.
    """
    peer = Peer(archive.address.ae_title, "127.0.0.1", archive.address.port, "BENCH")
    contexts = [(service, IMPLICIT)]
    roles = {}
    if service == GET:
        contexts.append((CT, str(ExplicitVRLittleEndian)))
        roles[CT] = Role(is_scu=False, is_scp=True)
    with RequestorAssociation(peer, contexts, roles=roles) as assoc:
        context_id = assoc.contexts[service, IMPLICIT]
        connection = assoc.channel.socket
        connection.setblocking(True)
        message = assoc.message(context_id, _request(service), _identifier())
        began = clock()
        connection.sendall(message)
        final, received = _Reader(connection).until_final(SERVICES[service])
        seconds = clock() - began
        connection.setblocking(False)
    status = int.from_bytes(final[pdu.STATUS], "little")
    completed = int.from_bytes(final.get(pdu.COMPLETED_SUB_OPERATIONS, b""), "little")
    if status or completed != count or (service == GET and received != count):
        raise Failed(f"0x{status:04X}: {completed} of {count} were sent, {received} came")
    return seconds


def _request(service: str) -> list[tuple[int, bytes]]:
    move = [(pdu.MOVE_DESTINATION, PLACE.encode() + b" ")] if service == MOVE else []
    return [
        (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(service)),
        (pdu.COMMAND_FIELD, SERVICES[service]),
        (pdu.MESSAGE_ID, pdu.encode_us(1)),
        *move,
        (pdu.PRIORITY, pdu.encode_us(0)),
        (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
    ]


def _identifier() -> bytes:
    def element(group: int, number: int, value: bytes) -> bytes:
        value += b" " * (len(value) % 2) if group == 8 else b"\0" * (len(value) % 2)
        return struct.pack("<HHL", group, number, len(value)) + value

    return element(0x0008, 0x0052, b"STUDY") + element(0x0020, 0x000D, STUDY.encode())


class _Reader:
    """Reads what an archive sends, answers each C-STORE with success, and drops the data sets."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._view = memoryview(bytearray(BUFFER_BYTES))
        self._start = self._end = 0

    def until_final(self, request: bytes) -> tuple[dict[int, bytes], int]:
        """The final response to this kind of request, and how many instances came."""
        answer = bytes([request[0], request[1] | 0x80])
        received, command, raw = 0, dict[int, bytes](), bytearray()
        while True:
            kind, left = pdu.PDU_HEADER.unpack(self._take(pdu.PDU_HEADER_BYTES))
            if kind != pdu.P_DATA_TF:
                raise Failed(f"the archive sent a PDU of type {kind}")
            while left:
                length, context_id, control = pdu.PDV_HEADER.unpack(self._take(pdu.PDV_HEADER_BYTES))
                left -= length + 4
                if not control & pdu.IS_COMMAND:
                    self._skip(length - 2)
                    if control & pdu.IS_LAST and command[pdu.COMMAND_FIELD] == pdu.C_STORE_RQ:
                        received += 1
                        self._connection.sendall(_stored(context_id, command))
                    continue
                raw += self._take(length - 2)
                if control & pdu.IS_LAST:
                    command = pdu.parse_command(bytes(raw))
                    raw.clear()
                    is_answer = command[pdu.COMMAND_FIELD] == answer
                    if is_answer and int.from_bytes(command[pdu.STATUS], "little") != PENDING:
                        return command, received

    def _take(self, count: int) -> bytes:
        while self._end - self._start < count:
            if self._start:
                rest = bytes(self._view[self._start : self._end])
                self._view[: len(rest)] = rest
                self._start, self._end = 0, len(rest)
            self._end += self._more(self._view[self._end :])
        self._start += count
        return bytes(self._view[self._start - count : self._start])

    def _skip(self, count: int) -> None:
        while count > self._end - self._start:
            count -= self._end - self._start
            self._start, self._end = 0, self._more(self._view)
        self._start += count

    def _more(self, into: memoryview) -> int:
        got = self._connection.recv_into(into)
        if not got:
            raise Failed("the archive closed the connection")
        return got


def _stored(context_id: int, command: dict[int, bytes]) -> bytes:
    elements = [
        (pdu.AFFECTED_SOP_CLASS_UID, command[pdu.AFFECTED_SOP_CLASS_UID]),
        (pdu.COMMAND_FIELD, pdu.C_STORE_RSP),
        (pdu.MESSAGE_ID_BEING_RESPONDED_TO, command[pdu.MESSAGE_ID]),
        (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
        (pdu.STATUS, b"\0\0"),
        (pdu.AFFECTED_SOP_INSTANCE_UID, command[pdu.AFFECTED_SOP_INSTANCE_UID]),
    ]
    return pdu.command_pdus(context_id, elements, 16_384)
