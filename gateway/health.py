"""Whether this installation can do its work: one check per dependency, and the two addresses that tell."""

import logging
import socket
import tempfile
from dataclasses import dataclass
from urllib.parse import urlsplit

import redis
from celery import current_app
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from dicomnet.faults import fault_file
from gateway.audit.syslog.tell import standing
from studies.dimse import local_spool

logger = logging.getLogger(__name__)
WAIT_SECONDS = 1
LABELS = {
    "database": gettext_lazy("Database"),
    "broker": gettext_lazy("Broker"),
    "spool": gettext_lazy("Spool"),
    "faults": gettext_lazy("Faults"),
    "disk": gettext_lazy("Disk"),
    "api": gettext_lazy("API"),
    "receiver": gettext_lazy("Receiver"),
    "receiver_tls": gettext_lazy("Receiver over TLS"),
    "audit receiver": gettext_lazy("Audit receiver"),
}
FAILURES_OF_AN_OUTAGE = 3


@dataclass(frozen=True)
class Check:
    """One dependency; the words are for everyone, so they name no address and no password."""

    name: str
    is_ok: bool
    words: str

    @property
    def label(self) -> str:
        """The name as pages show it."""
        return str(LABELS[self.name])


def checks() -> list[Check]:
    """All checks; one that fails costs at most about a second."""
    found = [check_database(), check_broker(), check_spool(), check_receiver()]
    if settings.GANTRY.faults:
        found.append(check_faults())
    over_tls = settings.GANTRY.dicom_tls_bind
    return found if over_tls is None else [*found, check_tls_receiver(over_tls)]


def check_database() -> Check:
    """Whether the database answers a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.warning("database does not answer", extra={"error": type(error).__name__})
        return Check("database", False, _("The database does not answer; instances are received, but not indexed."))
    return Check("database", True, _("%(database)s answers.") % {"database": connection.display_name})


def check_broker() -> Check:
    """Whether the broker takes messages."""
    try:
        _ask_broker(settings.GANTRY.broker_url)
    except (redis.RedisError, OperationalError, OSError) as error:
        logger.warning("broker does not answer", extra={"error": type(error).__name__})
        return Check("broker", False, _("The broker does not answer; workers are not woken until it does."))
    return Check("broker", True, _("The broker answers."))


def check_spool() -> Check:
    """Whether instances are taken in, and could be written to the spool; else why not, and what to do."""
    try:
        spool = local_spool()
        report = spool.intake.poll()
        if report.is_open:
            with tempfile.TemporaryFile(dir=spool.tmp) as file:
                file.write(b"can write")
                file.flush()
    except OSError as error:
        logger.warning("spool cannot be written", extra={"error": error.strerror})
        return Check(
            "spool",
            False,
            _("The spool cannot be written (%(error)s); instances are refused.") % {"error": error.strerror},
        )
    if report.is_open:
        words = _("Writable, %(used)s %% of its disk is in use.") % {"used": f"{report.used_percent:.0f}"}
        return Check("spool", True, words)
    return Check("spool", False, report.words)


def why_closed() -> str:
    """Why instances are not taken from everybody now, in words for the dashboard; empty when they are."""
    try:
        report = local_spool().intake.poll()
    except OSError as error:
        return _("The spool cannot be made (%(error)s); instances are refused.") % {"error": error.strerror}
    return "" if report.is_open else report.words


def check_faults() -> Check:
    """Whether nothing is disturbed on purpose."""
    names = fault_file().read().names()
    if names:
        return Check(
            "faults",
            False,
            _("Fault injection is on: %(names)s. `manage.py clearfaults` ends it.") % {"names": ", ".join(names)},
        )
    return Check("faults", True, _("Faults may be injected; none is."))


def check_disk() -> Check:
    """Whether the spool's disk has given no error, or has passed its test since."""
    try:
        is_suspect = local_spool().intake.poll().is_suspect
    except OSError as error:
        return Check("disk", False, _("The spool's disk does not answer (%(error)s).") % {"error": error.strerror})
    return Check(
        "disk", not is_suspect, _("The spool's disk failed.") if is_suspect else _("The spool's disk is sound.")
    )


def check_api() -> Check:
    """Whether the port of portal and API takes connections; whoever is asked by HTTP knows that it does."""
    port = settings.GANTRY.http_bind[1]
    if not _accepts_connections(settings.GANTRY.http_bind):
        return Check(
            "api", False, _("Nothing accepts connections on the port %(port)s of portal and API.") % {"port": port}
        )
    return Check("api", True, _("Portal and API accept connections on port %(port)s.") % {"port": port})


def audit_checks() -> list[Check]:
    """Whether the syslog receiver takes what it is told, where there is one; one attempt that failed is no outage.

    Readiness does not ask: Gantry does its work without it.
    """
    if settings.GANTRY.audit_syslog is None:
        return []
    try:
        is_ok = standing().failures < FAILURES_OF_AN_OUTAGE
    except DatabaseError:  # another light says so
        return []
    told, waits = (
        _("The syslog receiver is told of the audit trail."),
        _("The syslog receiver takes nothing; the records wait for it."),
    )
    return [Check("audit receiver", is_ok, told if is_ok else waits)]


def check_receiver() -> Check:
    """Whether the DICOM port takes connections."""
    port = settings.GANTRY.dicom_bind[1]
    if not _accepts_connections(settings.GANTRY.dicom_bind):
        return Check("receiver", False, _("Nothing accepts connections on the DICOM port %(port)s.") % {"port": port})
    return Check("receiver", True, _("The DICOM port %(port)s accepts connections.") % {"port": port})


def check_tls_receiver(bind: tuple[str, int]) -> Check:
    """Whether the port for DICOM over TLS takes connections."""
    port = bind[1]
    if not _accepts_connections(bind):
        return Check(
            "receiver_tls", False, _("Nothing accepts connections on the DICOM TLS port %(port)s.") % {"port": port}
        )
    return Check("receiver_tls", True, _("The DICOM TLS port %(port)s accepts connections.") % {"port": port})


@require_safe
@never_cache
@login_not_required
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked, so that no outage of another part restarts this one."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
@login_not_required
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when all dependencies are there, else 503; JSON with one entry for each."""
    found = checks()
    is_ready = all(check.is_ok for check in found)
    body = {
        "status": "ready" if is_ready else "not ready",
        "checks": {check.name: {"ok": check.is_ok, "words": check.words} for check in found},
    }
    return JsonResponse(body, status=200 if is_ready else 503)


def _ask_broker(url: str) -> None:
    if urlsplit(url).scheme in {"redis", "rediss", "redis+socket"}:
        url = url.replace("redis+socket://", "unix://", 1)
        with redis.Redis.from_url(url, socket_timeout=WAIT_SECONDS, socket_connect_timeout=WAIT_SECONDS) as client:
            client.ping()
        return
    with current_app.connection(url, connect_timeout=WAIT_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=WAIT_SECONDS)


def _accepts_connections(bind: tuple[str, int]) -> bool:
    host, port = bind
    try:
        socket.create_connection((_reachable(host), port), timeout=WAIT_SECONDS).close()
    except OSError:
        return False
    return True


def _reachable(host: str) -> str:
    """A listener on every address of the machine is asked on its loopback."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (nothing is bound here)
