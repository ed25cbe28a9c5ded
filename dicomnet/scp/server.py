"""The listener of one process: accepts connections, and gives each a thread of its own (PS3.8 9.1)."""

import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.db import connections
from pynetdicom import AE, _config, evt

from dicomnet.allowlist import Allowlist
from dicomnet.metrics import ASSOCIATIONS
from dicomnet.scp import admission, requests
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.scp.commitment import on_n_action
from dicomnet.scp.extended import on_sop_extended
from dicomnet.scp.verdicts import on_n_event_report
from dicomnet.wire.connection import Connection, ConnectionLost
from dicomnet.wire.guard import Guard, Limits
from dicomnet.wire.operations import Incoming

logger = logging.getLogger(__name__)
BACKLOG = 1_024
HANDSHAKE_SECONDS = 5
FULL_PAUSE_SECONDS = 0.2  # when there are no descriptors or threads left

# pynetdicom's events: of the services beside those that the data plane has, and of the negotiation.
SERVICES: tuple[requests.Handler, ...] = (
    (evt.EVT_SOP_EXTENDED, on_sop_extended, []),
    (evt.EVT_N_ACTION, on_n_action, []),
    (evt.EVT_N_EVENT_REPORT, on_n_event_report, []),
)


class Listener:
    """Accepts associations on one or more addresses; every process of the installation may run one on the same port.

    Attributes:
        guard: limits the connections.
    """

    def __init__(
        self,
        ae_title: str,
        allowlist: Allowlist,
        *,
        limits: Limits | None = None,
        handlers: Sequence[requests.Handler] = SERVICES,
    ) -> None:
        # pynetdicom's own handlers log PDUs and identifiers, which hold patient data, and take a third of the time.
        _config.LOG_HANDLER_LEVEL = "none"
        _config.LOG_REQUEST_IDENTIFIERS = False
        _config.LOG_RESPONSE_IDENTIFIERS = False
        self.guard = Guard(limits)
        self.handlers = handlers
        self._ae = AE(ae_title=ae_title)
        self._allowlist = allowlist
        self._sockets: list[socket.socket] = []
        self._is_stopping = False

    def listen(self, address: tuple[str, int], tls: Callable[[], ssl.SSLContext] | None = None) -> int:
        """Listen on one more address and accept from now on, in a thread; returns the port.

        Args:
            address: host and port; 0 takes a free port.
            tls: gives the TLS context for each connection; None is plain TCP.

        Raises:
            OSError: the address cannot be bound.
        """
        listening = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # The kernel spreads connections over all processes that listen so.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
        self._sockets.append(listening)
        port: int = listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(listening, tls), name=f"accept-{port}", daemon=True).start()
        return port

    def stop(self, grace_seconds: float) -> None:
        """Take no more; idle associations end at once, those at work get the grace."""
        self._is_stopping = True
        for listening in self._sockets:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        self.guard.stop(grace_seconds)

    def admit(self, assoc: AcceptedAssociation) -> None:
        """Let an association in, or reject it (dicomnet.scp.association.Door)."""
        admission.admit(assoc, self._allowlist, self.guard)

    def begin(self, assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes]) -> Incoming | bytes | None:
        """Begin on a request (dicomnet.scp.association.Door)."""
        return requests.begin(assoc, context_id, command, self.handlers)

    def rest(self) -> None:
        """Close the database connection of the calling thread: there may be more associations than the database takes.

        While requests follow each other the thread keeps it, since opening one costs more than a query.
        """
        connections.close_all()

    def account(self, assoc: AcceptedAssociation) -> None:
        """One count and one log line per association; a connection on which nothing was asked is only counted."""
        record = assoc.record
        if record.refusal:
            return  # has both already
        ASSOCIATIONS.labels(outcome=assoc.outcome).inc()
        if record.called_ae_title:
            logger.info(
                "association ended",
                extra={
                    "outcome": assoc.outcome,
                    "reason": assoc.failure,
                    "calling_ae_title": record.calling_ae_title,
                    "source_address": assoc.connection.address,
                    "answers": dict(record.statuses),
                    "bytes": record.bytes_received,
                    "bytes_sent": record.bytes_sent,
                    "milliseconds": record.milliseconds(),
                },
            )

    def _accept(self, listening: socket.socket, tls: Callable[[], ssl.SSLContext] | None) -> None:
        while not self._is_stopping:
            try:
                accepted, address = listening.accept()
            except OSError as error:
                if not self._is_stopping:
                    logger.error("connection not accepted", extra={"error": error.strerror})
                    time.sleep(FULL_PAUSE_SECONDS)
                continue
            connection = Connection(accepted, address[0], address[1])
            self.guard.enter(connection)
            thread = threading.Thread(target=self._serve, args=(connection, tls), name="association", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads: the connection is dropped, the listener lives
                logger.error("connection not served", extra={"error": "no thread can be started"})
                self.guard.leave(connection)
                connection.close()

    def _serve(self, connection: Connection, tls: Callable[[], ssl.SSLContext] | None) -> None:
        try:
            if tls is not None:
                connection.handshake(tls(), time.monotonic() + HANDSHAKE_SECONDS)
            AcceptedAssociation(self._ae, connection, self).run()
        except ConnectionLost as lost:
            logger.info("connection lost", extra={"source_address": connection.address, "reason": str(lost)})
        except Exception:
            # The thread's boundary: one broken association must not be taken for a quiet end.
            logger.exception("association failed")
        finally:
            self.rest()
            connection.close()
            self.guard.leave(connection)


def serve_until(listener: Listener, stop: threading.Event, grace_seconds: float) -> None:
    """Serve until asked to stop, then let open associations end for a while."""
    stop.wait()
    listener.stop(grace_seconds)
    logger.info("listener stopped", extra={"pid": os.getpid()})
