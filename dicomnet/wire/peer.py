"""Whom to call, and the ways in which a call fails (PS3.8 7.1, 9.3.4)."""

import ssl
from dataclasses import dataclass

from dicomnet.statuses import rejection_in_words


class PeerError(Exception):
    """The peer could not be reached, or did not answer as it should; the message is for people."""

    is_permanent = False


class AssociationRejected(PeerError):
    """The peer rejected the association (PS3.8 9.3.4)."""

    def __init__(self, result: int, source: int, reason: int) -> None:
        super().__init__(rejection_in_words(result, source, reason))
        self.is_permanent = result == 1


class NoContextAccepted(PeerError):
    """The peer accepted the association, but none of the presentation contexts that were proposed."""


@dataclass(frozen=True)
class Peer:
    """An application entity to call, and how long to wait for it (seconds).

    Attributes:
        connect_timeout_seconds: for the connection, and again for the TLS handshake.
        tls: how to speak TLS with it; None for plain TCP.
        tls_server_name: the name that its certificate must bear; the host when empty. Whether it is checked is the
            context's to say (``check_hostname``).
        addresses: where the host is, tried in this order; empty: whoever connects looks it up.
    """

    ae_title: str
    host: str
    port: int
    calling_ae_title: str
    connect_timeout_seconds: float = 10
    acse_timeout_seconds: float = 15
    dimse_timeout_seconds: float = 30
    tls: ssl.SSLContext | None = None
    tls_server_name: str = ""
    addresses: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.ae_title} at {self.host}:{self.port}"
