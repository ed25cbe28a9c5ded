"""System checks: what would lose data or let strangers in is said at the start, with what to do."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security, deploy=True)
def debug_off_loopback(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Pages with details of errors show settings and data to whoever can reach them."""
    if settings.DEBUG and settings.GANTRY.http_bind[0] not in {"127.0.0.1", "::1"}:
        return [
            Error(
                "DEBUG is on, and the portal is reachable from other machines.",
                hint="Set DJANGO_DEBUG=off.",
                id="gateway.E001",
            )
        ]
    return []


@register(Tags.security)
def storage_on_one_file_system(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A hot store on another file system than the spool makes each instance be written twice."""
    spool, storage = settings.GANTRY.spool_dir, settings.GANTRY.storage
    if spool.exists() and storage.exists() and spool.stat().st_dev != storage.stat().st_dev:
        return [
            Warning(
                "GANTRY_STORAGE is on another file system than GANTRY_HOME: each instance is copied once more.",
                hint="Put both on the same file system, or accept the cost.",
                id="gateway.W001",
            )
        ]
    return []
