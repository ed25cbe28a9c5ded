"""A modality that stores, asks for storage commitment and takes the reports, made with pynetdicom."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context, build_role
from pynetdicom.transport import ThreadedAssociationServer

from dicomnet.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, Reference
from tests.peers import LOOPBACK, POLL_SECONDS

PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Report:
    """One N-EVENT-REPORT as it came.

    Attributes:
        on: "same" or "new", the association it came on.
        failed: Failure Reason by reference.
    """

    on: str
    event_type: int
    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: dict[Reference, int]


@dataclass
class Modality:
    """What it was told to answer, and what it was told.

    Attributes:
        answers: statuses for the next reports; success when there are no more.
        takes_roles: whether it accepts that its caller is the provider.
    """

    ae_title: str = "CT1"
    port: int = 0
    answers: list[int] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    takes_roles: bool = True

    @contextmanager
    def association(self, gantry_port: int, *, with_role: bool = True) -> Iterator[Any]:
        """An association to Gantry; reports that come on it are kept."""
        ae = AE(ae_title=self.ae_title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = PATIENCE_SECONDS
        assoc = ae.associate(
            LOOPBACK,
            gantry_port,
            contexts=[build_context(PUSH_MODEL, ExplicitVRLittleEndian)],
            ae_title="GANTRY",
            ext_neg=[build_role(PUSH_MODEL, scu_role=True)] if with_role else None,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._on_report, ["same"])],
        )
        assert assoc.is_established
        try:
            yield assoc
        finally:
            if assoc.is_established:
                assoc.release()

    def request(self, assoc: Any, references: Sequence[Reference], transaction_uid: str = "", **other: Any) -> Dataset:
        """Send one N-ACTION; returns the status."""
        ds = Dataset()
        ds.TransactionUID = transaction_uid or generate_uid()
        ds.ReferencedSOPSequence = []
        for reference in references:
            item = Dataset()
            item.ReferencedSOPClassUID = reference.sop_class_uid
            item.ReferencedSOPInstanceUID = reference.sop_instance_uid
            ds.ReferencedSOPSequence.append(item)
        action = {"action_type": 1, "class_uid": PUSH_MODEL, "instance_uid": PUSH_MODEL_INSTANCE} | other
        status: Dataset = assoc.send_n_action(action.pop("dataset", ds), **action)[0]
        return status

    def ask(self, gantry_port: int, references: Sequence[Reference], transaction_uid: str = "") -> int:
        """Associate, ask, release at once; returns the status."""
        with self.association(gantry_port) as assoc:
            return int(self.request(assoc, references, transaction_uid).Status)

    def wait_for(self, count: int = 1) -> list[Report]:
        """Wait until so many reports have come."""
        wait_until(lambda: len(self.reports) >= count)
        return self.reports

    def _on_report(self, event: evt.Event, on: str) -> tuple[int, None]:
        status = self.answers.pop(0) if self.answers else 0x0000
        ds = event.event_information
        self.reports.append(
            Report(
                on=on,
                event_type=int(event.event_type or 0),
                transaction_uid=str(ds.TransactionUID),
                committed=tuple(_reference(item) for item in ds.get("ReferencedSOPSequence", [])),
                failed={_reference(item): int(item.FailureReason) for item in ds.get("FailedSOPSequence", [])},
            )
        )
        return status, None


@contextmanager
def modality(*, tls: ssl.SSLContext | None = None, **told: Any) -> Iterator[Modality]:
    """Run a modality that listens for reports on a free port."""
    found = Modality(**told)
    ae = AE(ae_title=found.ae_title)
    context = build_context(PUSH_MODEL, ExplicitVRLittleEndian)
    if found.takes_roles:
        context.scu_role, context.scp_role = False, True
    server = ae.make_server(
        (LOOPBACK, 0),
        contexts=[context],
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, found._on_report, ["new"])],
        ssl_context=tls,
        server_class=ThreadedAssociationServer,
    )
    ae._servers.append(server)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        found.port = server.server_address[1]
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wait_until(is_true: Callable[[], bool]) -> None:
    """Poll, with patience for a busy machine."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _reference(item: Dataset) -> Reference:
    return Reference(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
