"""System checks: what would lose data or let strangers in is said at the start, with what to do."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.utils.translation import gettext as _

from dicomnet.tls import BadTlsFile, expires_at

CERTIFICATE_ENDS_SOON = timedelta(days=30)


@register(Tags.security, deploy=True)
def debug_off_loopback(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Pages with details of errors show settings and data to whoever can reach them."""
    if settings.DEBUG and settings.GANTRY.http_bind[0] not in {"127.0.0.1", "::1"}:
        return [
            Error(
                _("DEBUG is on, and the portal is reachable from other machines."),
                hint=_("Set DJANGO_DEBUG=off."),
                id="gateway.E001",
            )
        ]
    return []


@register(Tags.security)
def dicom_in_plain_text(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Without TLS, who is on the network reads what is sent, and an AE title is all that a caller shows."""
    host, port = settings.GANTRY.dicom_bind
    if ip_address(host).is_loopback:
        return []
    return [
        Warning(
            _("DICOM is taken without encryption from other machines (GANTRY_DICOM_BIND, port %(port)s).")
            % {"port": port},
            hint=_(
                "Set GANTRY_DICOM_TLS_BIND with a certificate, and GANTRY_DICOM_BIND to loopback, "
                "unless the network is closed to everybody else."
            ),
            id="gateway.W002",
        )
    ]


@register(Tags.security)
def own_certificate(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A certificate that ends unnoticed stops every device that calls over TLS."""
    cert, key = settings.GANTRY.tls_cert, settings.GANTRY.tls_key
    if cert is None or key is None:
        return []
    try:
        left = expires_at(cert, key) - datetime.now(UTC)
    except BadTlsFile as error:
        words, hint = str(error), _("Mend or replace the file; a running listener goes on with the last good one.")
    else:
        if left > CERTIFICATE_ENDS_SOON:
            return []
        words = _("The certificate of GANTRY_TLS_CERT ends in %(days)d days.") % {"days": left.days}
        hint = _("Put a new certificate and key in place of the old files; they are taken without a restart.")
    return [Warning(words, hint=hint, id="gateway.W003")]


@register(Tags.security)
def password_alone(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """From another machine a password that was seen or guessed opens the whole configuration."""
    if settings.GANTRY.second_factor != "optional" or ip_address(settings.GANTRY.http_bind[0]).is_loopback:
        return []
    return [
        Warning(
            _("Administrators may sign in from other machines with a password alone."),
            hint=_("Set GANTRY_SECOND_FACTOR=administrators; each sets an authenticator app up at the next sign-in."),
            id="gateway.W010",
        )
    ]


def warnings() -> list[CheckMessage]:
    """What an operator should see on the system page."""
    return [found for found in run_checks(tags=[Tags.security]) if str(found.id).startswith("gateway.")]


@register(Tags.security)
def storage_on_one_file_system(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A hot store on another file system than the spool makes each instance be written twice."""
    spool, storage = settings.GANTRY.spool_dir, settings.GANTRY.storage
    if spool.exists() and storage.exists() and spool.stat().st_dev != storage.stat().st_dev:
        return [
            Warning(
                _("GANTRY_STORAGE is on another file system than GANTRY_HOME: each instance is copied once more."),
                hint=_("Put both on the same file system, or accept the cost."),
                id="gateway.W001",
            )
        ]
    return []
