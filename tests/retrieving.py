"""An archive that holds instances, and who fetches from it: what retrieval tests share."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.allowlist import Entry, Rights
from dicomnet.part10 import read_file_meta
from dicomnet.services import StoreRequest
from dicomnet.statuses import StoreStatus
from dicomnet.wire import pdu
from dicomnet.wire.inbox import Command
from studies.dimse import local_spool
from studies.events import instances_indexed
from studies.index import index_spool
from studies.models import Instance
from studies.storage import hot_storage
from tests.corpus import CT, EXPLICIT, encoded
from tests.peers import LOOPBACK, Caller, peer

IMPLICIT = str(ImplicitVRLittleEndian)
MAY_RETRIEVE = Entry("*", "127.0.0.0/8", "", Rights(may_echo=True, may_move=True, may_get=True))


@contextmanager
def nobody_hears() -> Iterator[None]:
    """Nobody is told of new instances, so no broker is needed."""
    receivers, instances_indexed.receivers = instances_indexed.receivers, []
    instances_indexed.sender_receivers_cache.clear()
    try:
        yield
    finally:
        instances_indexed.receivers = receivers
        instances_indexed.sender_receivers_cache.clear()


def keep(ds: Dataset, syntax: str = EXPLICIT) -> bytes:
    """Take one data set in, as a device sends it; returns its bytes. ``index`` makes it known."""
    data = encoded(ds, syntax)
    keep_bytes(str(ds.SOPClassUID), str(ds.SOPInstanceUID), syntax, data)
    return data


def keep_bytes(sop_class_uid: str, sop_instance_uid: str, syntax: str, data: bytes) -> None:
    sink = local_spool().open(StoreRequest(sop_class_uid, sop_instance_uid, syntax, "CT1", "GANTRY", "10.1.2.3"))
    sink.write(data)
    assert sink.commit().status == StoreStatus.SUCCESS


def keep_files(paths: Sequence[Path]) -> dict[str, bytes]:
    """Take Part 10 files in; their data sets by SOP Instance UID."""
    found = {}
    for path in paths:
        with path.open("rb") as file:
            meta = read_file_meta(file)
        data = path.read_bytes()[meta.data_set_offset :]
        keep_bytes(meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid, data)
        found[meta.sop_instance_uid] = data
    index()
    return found


def index() -> None:
    with nobody_hears():
        while index_spool(local_spool()):
            pass


def keep_study(
    study: str = "1.1", *, patient: str = "P1", series: int = 1, instances: int = 3, pixels: int = 0
) -> dict[str, bytes]:
    """A CT study; data sets by SOP Instance UID, which are ``<study>.<series>.<number>``."""
    found = {}
    for number in range(series):
        for position in range(instances):
            ds = Dataset()
            ds.SOPClassUID, ds.SOPInstanceUID = CT, f"{study}.{number + 1}.{position + 1}"
            ds.StudyInstanceUID, ds.SeriesInstanceUID = study, f"{study}.{number + 1}"
            ds.PatientID, ds.Modality = patient, "CT"
            if pixels:
                ds.PixelData = bytes(pixels)
                ds["PixelData"].VR = "OW"
            found[str(ds.SOPInstanceUID)] = keep(ds)
    index()
    return found


def file_of(sop_instance_uid: str) -> Path:
    return Path(hot_storage().path(Instance.objects.get(sop_instance_uid=sop_instance_uid, is_primary=True).location))


def identifier(level: str, **keys: Any) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


@dataclass
class Answered:
    """What a caller was told and, by C-GET, given.

    Attributes:
        responses: the command sets, as pynetdicom gives them.
        failed: Failed SOP Instance UID List of the last one.
        received: data sets by SOP Instance UID.
    """

    responses: list[Dataset] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    received: dict[str, bytes] = field(default_factory=dict)

    @property
    def last(self) -> Dataset:
        return self.responses[-1]

    @property
    def status(self) -> int:
        return int(self.last.Status)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Completed, failed, warnings."""
        return (
            self.last.NumberOfCompletedSuboperations,
            self.last.NumberOfFailedSuboperations,
            self.last.NumberOfWarningSuboperations,
        )


@dataclass
class Fetcher:
    """A caller made with pynetdicom.

    Attributes:
        contexts: (SOP Class, transfer syntaxes) of the instances that it takes.
        store_status: what it answers to the next sub-operations; success when there are no more.
        cancel_after: it cancels once so many instances have come.
        tls: a context of ``ssl``; None for plain TCP.
        heard: is called with what was answered so far, at each response.
        extended: service class application information to propose by SOP Class; ``granted`` is what is answered.
    """

    port: int
    contexts: Sequence[tuple[str, list[str]]] = ((CT, [EXPLICIT]),)
    ae_title: str = "WORKSTATION"
    called: str = "GANTRY"
    store_status: list[int] = field(default_factory=list)
    cancel_after: int = 0
    tls: Any = None
    heard: Callable[[Answered], None] = lambda _: None
    extended: dict[str, bytes] = field(default_factory=dict)
    granted: dict[str, bytes] = field(default_factory=dict)

    def get(self, model: str, asked: Dataset) -> Answered:
        answered = Answered()

        def on_store(event: evt.Event) -> int:
            request: Any = event.request
            answered.received[str(request.AffectedSOPInstanceUID)] = request.DataSet.getvalue()
            if self.cancel_after and len(answered.received) == self.cancel_after:
                event.assoc.send_c_cancel(1, context_id=1)
            return self.store_status.pop(0) if self.store_status else 0

        roles = [build_role(uid, scp_role=True) for uid, _ in self.contexts]
        with self._association(model, [build_context(*pair) for pair in self.contexts], roles, on_store) as assoc:
            for status, ds in assoc.send_c_get(asked, model, msg_id=1):
                self._note(answered, status, ds)
        return answered

    def move(self, model: str, asked: Dataset, to: str, *, cancel: bool = False, priority: int = 2) -> Answered:
        answered = Answered()
        with self._association(model, [], [], _takes_all) as assoc:
            for status, ds in assoc.send_c_move(asked, to, model, msg_id=7, priority=priority):
                self._note(answered, status, ds)
                if cancel:
                    assoc.send_c_cancel(7, query_model=model)
                    cancel = False
        return answered

    def _note(self, answered: Answered, status: Dataset, ds: Dataset | None) -> None:
        assert "Status" in status, "the association ended without a final response"
        answered.responses.append(status)
        if ds is not None and "FailedSOPInstanceUIDList" in ds:
            value = ds.FailedSOPInstanceUIDList
            answered.failed = [value] if isinstance(value, str) else list(value)
        self.heard(answered)

    @contextmanager
    def _association(self, model: str, contexts: list[Any], roles: list[Any], on_store: Any) -> Iterator[Any]:
        ae = AE(self.ae_title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
        found = ae.associate(
            LOOPBACK,
            self.port,
            [build_context(model), *contexts],
            ae_title=self.called,
            max_pdu=0,
            ext_neg=[*roles, *_extended(self.extended)],
            evt_handlers=[(evt.EVT_C_STORE, on_store)],
            tls_args=(self.tls, "localhost") if self.tls else None,
        )
        assert found.is_established
        self.granted = {str(uid): info for uid, info in found.acceptor.sop_class_extended.items()}
        try:
            yield found
        finally:
            found.release()


@contextmanager
def calling(port: int, *models: str) -> Iterator[Caller]:
    """An association on which any bytes may be asked."""
    contexts = [(model, IMPLICIT) for model in (*models, str(Verification))]
    with Caller(peer(port, "GANTRY"), contexts) as found:
        yield found


def ask(
    caller: Caller,
    model: str,
    command_field: bytes,
    asked: Dataset | bytes | None,
    *,
    destination: bytes = b"",
    sop_class_uid: str = "",
) -> Command:
    """Send a retrieve request, its identifier as bytes or none at all; returns the first response."""
    data = b"" if asked is None else asked if isinstance(asked, bytes) else encoded(asked, IMPLICIT)
    message_id = caller.next_message_id()
    elements = [
        (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(sop_class_uid or model)),
        (pdu.COMMAND_FIELD, command_field),
        (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
        *([(pdu.MOVE_DESTINATION, destination)] if command_field == pdu.C_MOVE_RQ else []),
        (pdu.PRIORITY, pdu.encode_us(0)),
        (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET if asked is None else pdu.HAS_DATA_SET),
    ]
    context_id = caller.contexts[model, IMPLICIT]
    caller.write(caller.message(context_id, elements, data), 5)
    if asked is not None and not data:
        caller.write(pdu.fragment_header(context_id, 0, pdu.IS_LAST), 5)
    return caller.read_status(message_id, 20)


def _takes_all(event: evt.Event) -> int:
    return 0


def _extended(wanted: dict[str, bytes]) -> list[Any]:
    items = []
    for uid, info in wanted.items():
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid, item.service_class_application_information = uid, info
        items.append(item)
    return items


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digests(data_sets: dict[str, bytes]) -> dict[str, str]:
    return {uid: digest(data) for uid, data in data_sets.items()}
