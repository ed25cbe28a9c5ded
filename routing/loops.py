"""Whether a destination is this gateway itself."""

import socket

from django.conf import settings

from routing.models import Destination, DestinationKind

_EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 (compared with, not bound to)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def is_own_listener(destination: Destination) -> bool:
    """Whether its AE title, host and port are those of this gateway's listener, as far as names tell: none is asked."""
    gantry = settings.GANTRY
    if destination.kind != DestinationKind.DICOM or destination.ae_title.strip() != gantry.ae_title:
        return False
    binds = [bind for bind in (gantry.dicom_bind, gantry.dicom_tls_bind) if bind is not None]
    return any(destination.port == port and _is_here(destination.host, host) for host, port in binds)


def own_calling_ae_title(destination: Destination) -> str:
    """The AE title under which it is called."""
    return destination.calling_ae_title or str(settings.GANTRY.ae_title)


def _is_here(host: str, bound: str) -> bool:
    host = host.strip().casefold()
    name = socket.gethostname().casefold()
    if bound in _EVERY_ADDRESS:
        return host in _LOOPBACK | {name, name.partition(".")[0]}
    return host == bound.casefold() or (host in _LOOPBACK and bound in _LOOPBACK)
