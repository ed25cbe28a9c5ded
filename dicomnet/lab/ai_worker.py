"""A simulated AI node for the lab: it takes a study, waits until it is quiet, and stores a result at the gateway.

It is made to be a peer of a gateway under test, and to fail in the ways in which such nodes do; it computes nothing.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.lab.ai_result import make_result
from dicomnet.scu.association import Peer, PeerError
from dicomnet.wire import pdu
from dicomnet.wire.requestor import RequestorAssociation

OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
GARBAGE_BYTES = 4096
POLL_SECONDS = 0.05
_UNREADABLE = (InvalidDicomError, AttributeError, KeyError, NotImplementedError, ValueError)


class Mode(StrEnum):
    """What the node does with a study."""

    NORMAL = "normal"
    CRASH = "crash"  # the process ends when it has the study
    HANG = "hang"  # it stops answering in the middle of the first instance
    TWICE = "twice"  # it sends its result, and then the same under other UIDs
    OTHER_PATIENT = "other-patient"  # its result names another patient
    GARBAGE = "garbage"  # it sends bytes that are no data set
    SILENT = "silent"  # it takes the study and never says anything
    REJECT = "reject"  # it rejects every association
    ORIGINAL = "original"  # it sends the first instance back as it came


@dataclass(frozen=True)
class Behaviour:
    """How the node works.

    Attributes:
        failure_rate: share of studies, 0 to 1, whose instances are refused; which ones follows from ``seed``.
        result: ``sr``, ``sc`` or ``seg-like``.
        quiet_ms: a study is whole when nothing more of it came for so long.
        delay_ms: how long it "computes" after that.
    """

    mode: Mode = Mode.NORMAL
    result: str = "sr"
    delay_ms: int = 0
    quiet_ms: int = 500
    failure_rate: float = 0.0
    seed: int = 0


@dataclass
class _Received:
    """What came of one study since the last result."""

    instances: list[Dataset] = field(default_factory=list)
    original: tuple[str, bytes] = ("", b"")  # transfer syntax and data set of the first
    last_at: float = 0.0


class LabAIWorker:
    """The simulated node; ``start`` listens, ``stop`` ends all associations."""

    def __init__(
        self, *, ae_title: str, gateway: Peer, behaviour: Behaviour, say: Callable[[str], None] = print
    ) -> None:
        self.ae_title = ae_title
        self.gateway = gateway
        self.behaviour = behaviour
        self._say = say
        self._random = random.Random(behaviour.seed)
        self._lock = threading.Lock()
        self._studies: dict[str, _Received] = {}
        self._refused: dict[str, bool] = {}
        self._stopped = threading.Event()
        self._server: Any = None

    def start(self, host: str, port: int) -> int:
        """Listen in threads of their own; port 0 takes a free one, and the port taken is returned.

        Raises:
            OSError: the port is taken.
        """
        # pynetdicom keeps this for the whole process: any proposed storage-like SOP Class, private ones too.
        _config.UNRESTRICTED_STORAGE_SERVICE = True
        ae = AE(ae_title=self.ae_title)
        ae.add_supported_context(Verification)
        if self.behaviour.mode is Mode.REJECT:
            # The setter raises 0 to 1; with 0 each association is rejected for now, local limit exceeded.
            ae._maximum_associations = 0
        handlers: list[Any] = [(evt.EVT_C_STORE, self._on_store)]
        self._server = ae.start_server((host, port), block=False, evt_handlers=handlers)
        threading.Thread(target=self._work_forever, name="ai", daemon=True).start()
        taken: int = self._server.server_address[1]
        return taken

    def stop(self) -> None:
        """Abort what is open and stop listening."""
        self._stopped.set()
        self._server.shutdown()

    def _on_store(self, event: evt.Event) -> int:
        if self.behaviour.mode is Mode.HANG:
            self._say("hangs")
            self._stopped.wait()
        try:
            ds = dcmread(BytesIO(event.encoded_dataset()), stop_before_pixels=True)
            study = str(ds.StudyInstanceUID)
        except _UNREADABLE:
            return CANNOT_UNDERSTAND
        if self._refuses(study):
            return OUT_OF_RESOURCES
        request: Any = event.request  # a union of all requests to the type checker; here it is a C_STORE
        with self._lock:
            received = self._studies.setdefault(study, _Received())
            if not received.instances:
                received.original = str(event.context.transfer_syntax), request.DataSet.getvalue()
            received.instances.append(ds)
            received.last_at = time.monotonic()
        return 0x0000

    def _refuses(self, study: str) -> bool:
        with self._lock:
            if study not in self._refused:
                self._refused[study] = self._random.random() < self.behaviour.failure_rate
            return self._refused[study]

    def _work_forever(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            for received in self._take_quiet():
                threading.Thread(target=self._answer, args=(received,), daemon=True).start()

    def _take_quiet(self) -> list[_Received]:
        before = time.monotonic() - self.behaviour.quiet_ms / 1000
        with self._lock:
            quiet = [uid for uid, received in self._studies.items() if received.last_at < before]
            return [self._studies.pop(uid) for uid in quiet]

    def _answer(self, received: _Received) -> None:
        mode = self.behaviour.mode
        self._say(f"has a study of {len(received.instances)} instances")
        if self._stopped.wait(self.behaviour.delay_ms / 1000) or mode is Mode.SILENT:
            return
        if mode is Mode.CRASH:
            self._say("crashes")
            os._exit(1)
        try:
            for context, uid, data in self._objects(received):
                status = _store(self.gateway, context, uid, data)
                self._say(f"sent a result, answered with 0x{status:04X}")
        except PeerError as error:
            self._say(f"a result was not sent: {error}")

    def _objects(self, received: _Received) -> Sequence[tuple[tuple[str, str], str, bytes]]:
        """Presentation context, SOP Instance UID and data set of each object to send, in order."""
        first, mode = received.instances[0], self.behaviour.mode
        if mode is Mode.ORIGINAL:
            syntax, data = received.original
            return [((str(first.SOPClassUID), syntax), str(first.SOPInstanceUID), data)]
        results = [make_result(received.instances, self.behaviour.result)]
        if mode is Mode.OTHER_PATIENT:
            results[0].PatientID, results[0].PatientName = "LAB-OTHER", "Other^Patient"
        if mode is Mode.TWICE:
            results.append(make_result(received.instances, self.behaviour.result))
        syntax = str(ExplicitVRLittleEndian)
        data_sets = [os.urandom(GARBAGE_BYTES) if mode is Mode.GARBAGE else _encoded(ds) for ds in results]
        return [
            ((str(ds.SOPClassUID), syntax), str(ds.SOPInstanceUID), data)
            for ds, data in zip(results, data_sets, strict=True)
        ]


def _encoded(ds: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_dataset(buffer, ds)
    data: bytes = buffer.getvalue()
    return data


def _store(gateway: Peer, context: tuple[str, str], sop_instance_uid: str, data: bytes) -> int:
    """C-STORE any bytes, data set or not; the status (PS3.7 9.1.1)."""
    with RequestorAssociation(gateway, [context]) as assoc:
        message_id = assoc.next_message_id()
        request = [
            (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(context[0])),
            (pdu.COMMAND_FIELD, pdu.C_STORE_RQ),
            (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
            (pdu.PRIORITY, pdu.encode_us(0)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
            (pdu.AFFECTED_SOP_INSTANCE_UID, pdu.encode_uid(sop_instance_uid)),
        ]
        assoc.write(assoc.message(assoc.contexts[context], request, data), gateway.dimse_timeout_seconds)
        return assoc.read_status(message_id, gateway.dimse_timeout_seconds).status or 0
