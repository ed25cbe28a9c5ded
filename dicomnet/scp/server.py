"""The listener: one server per process, many processes on one port (PS3.8 9.1)."""

import logging
import os
import socket
import threading
import time
from typing import Any, cast

from pynetdicom import AE, _config, evt
from pynetdicom.pdu_primitives import A_ABORT
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from dicomnet.allowlist import Allowlist
from dicomnet.metrics import ASSOCIATIONS
from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnet.scp.admission import on_requested
from dicomnet.scp.association import AcceptedAssociation, ConnectionHandler, source_address
from dicomnet.scp.store import on_c_store
from dicomnet.statuses import StoreStatus

logger = logging.getLogger(__name__)
MAXIMUM_ASSOCIATIONS = 200
MAXIMUM_PDU_BYTES = 131_072
NETWORK_TIMEOUT_SECONDS = 120


class SharedPortServer(ThreadedAssociationServer):
    """Binds with SO_REUSEPORT: the kernel spreads connections over all processes that listen so."""

    request_queue_size = 128
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind; the option must be set before."""
        cast(socket.socket, self.socket).setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def make_server(address: tuple[str, int], ae_title: str, allowlist: Allowlist) -> SharedPortServer:
    """A bound server; ``serve_forever`` runs it.

    Raises:
        OSError: the address cannot be bound.
    """
    # pynetdicom's own handlers log PDUs and identifiers, which hold patient data, and take a third of the time.
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    ae = AE(ae_title=ae_title)
    ae.maximum_associations = MAXIMUM_ASSOCIATIONS
    ae.maximum_pdu_size = MAXIMUM_PDU_BYTES
    ae.network_timeout = NETWORK_TIMEOUT_SECONDS
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    handlers: list[Any] = [
        (evt.EVT_REQUESTED, on_requested, [allowlist]),
        (evt.EVT_C_ECHO, on_c_echo),
        (evt.EVT_C_STORE, on_c_store),
        (evt.EVT_RELEASED, on_end, ["released"]),
        (evt.EVT_ABORTED, on_end, ["aborted"]),
        (evt.EVT_CONN_CLOSE, on_close),
    ]
    server = ae.make_server(
        address,
        evt_handlers=handlers,
        server_class=SharedPortServer,
        request_handler=ConnectionHandler,
        contexts=[build_context(Verification)],  # pynetdicom wants one; on_requested sets what is really supported
    )
    ae._servers.append(server)  # as AE.start_server does: its shutdown takes it out again
    return cast(SharedPortServer, server)


def on_c_echo(event: evt.Event) -> int:
    """Answer a sign of life, where the allowlist lets it (PS3.4 Annex A)."""
    record = cast(AcceptedAssociation, event.assoc).record
    status = StoreStatus.SUCCESS if record.rights.may_echo else StoreStatus.NOT_AUTHORISED
    record.statuses[f"echo 0x{status:04X}"] += 1
    return int(status)


def on_close(event: evt.Event) -> None:
    """The connection is closed: after an A-ABORT that the association has yet to see, or without a word."""
    has_aborted = event.assoc.is_aborted or isinstance(event.assoc.dul.peek_next_pdu(), A_ABORT)
    on_end(event, "aborted" if has_aborted else "connection closed")


def on_end(event: evt.Event, outcome: str) -> None:
    """One log line per association, by the first of the events that end it."""
    assoc = cast(AcceptedAssociation, event.assoc)
    record = assoc.record
    if record.is_closed or record.refusal:
        return
    record.is_closed = True
    if not record.called_ae_title:
        # A connection on which nobody asked for an association: health checks look at the port this way.
        ASSOCIATIONS.labels(outcome="never requested").inc()
        return
    ASSOCIATIONS.labels(outcome=outcome).inc()
    logger.info(
        "association ended",
        extra={
            "outcome": outcome,
            "calling_ae_title": record.calling_ae_title,
            "source_address": source_address(assoc),
            "answers": dict(record.statuses),
            "bytes": record.bytes_received,
            "milliseconds": record.milliseconds(),
        },
    )


def serve_until(server: Any, stop: threading.Event, grace_seconds: float) -> None:
    """Serve until asked to stop, then take no more, and let open associations end for a while."""
    thread = threading.Thread(target=server.serve_forever, name="accept", daemon=True)
    thread.start()
    stop.wait()
    server.shutdown()
    server.socket.close()
    deadline = time.monotonic() + grace_seconds
    while server.active_associations and time.monotonic() < deadline:
        time.sleep(0.1)
    for assoc in server.active_associations:
        assoc.abort()
    logger.info("listener stopped", extra={"pid": os.getpid()})
