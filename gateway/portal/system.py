"""The system page: health in words, hosts and processes, versions, the settings in force, and disks."""

import platform
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import django
import pydicom
import pynetdicom
from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from gateway.checks import warnings
from gateway.env import Environment
from gateway.health import audit_checks, check_api, checks
from gateway.nodes.readings import disks
from gateway.nodes.selectors import board, running_versions
from gateway.nodes.states import GONE_SECONDS
from gateway.nodes.version import running_code


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def system(request: HttpRequest) -> HttpResponse:
    """The page, or its part on hosts and processes for a page that is open already."""
    about_nodes = _about_nodes() if request.user.has_perm("nodes.view_node") else {}
    if request.headers.get("HX-Target") == "nodes":
        return render(request, "portal/_nodes.html", about_nodes)
    context = about_nodes | {
        "checks": [*checks(), check_api(), *audit_checks()],
        "warnings": warnings(),
        "versions": versions(),
        "settings": settings_in_words(settings.GANTRY),
        "disks": disks(settings.GANTRY),
        "now": timezone.now(),
    }
    return render(request, "portal/system.html", context)


@require_GET
def lights(request: HttpRequest) -> HttpResponse:
    """The lamps of the top bar: a fragment, for the checks may take a second."""
    return render(request, "portal/_lights.html", {"checks": [*checks(), check_api(), *audit_checks()]})


def versions() -> list[tuple[str, str]]:
    """What runs here."""
    code = running_code()
    return [
        ("Gantry", " ".join(filter(None, (code.version, code.commit)))),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        ("pynetdicom", pynetdicom.__version__),
        ("pydicom", pydicom.__version__),
        ("Celery", version("celery")),
        (_("Database"), f"{connection.display_name} {'.'.join(map(str, _database_version()))}"),
    ]


def settings_in_words(environment: Environment) -> list[tuple[str, str, str]]:
    """Name, value and meaning of the settings that an operator may ask for; no secret among them."""
    dicom, tls, http = environment.dicom_bind, environment.dicom_tls_bind, environment.http_bind
    return [
        ("GANTRY_AE_TITLE", environment.ae_title, _("AE title under which Gantry is called and calls")),
        ("GANTRY_DICOM_BIND", f"{dicom[0]}:{dicom[1]}", _("address and port of the DICOM listener")),
        (
            "GANTRY_DICOM_TLS_BIND",
            f"{tls[0]}:{tls[1]}" if tls else _("off"),
            _("address and port of the DICOM listener over TLS"),
        ),
        (
            "GANTRY_TLS_CERT",
            str(environment.tls_cert or _("none")),
            _("certificate that Gantry shows to callers and peers"),
        ),
        ("GANTRY_TLS_CA", str(environment.tls_ca or _("none")), _("certificates that verify callers and peers")),
        ("GANTRY_HTTP_BIND", f"{http[0]}:{http[1]}", _("address and port of portal and API")),
        ("GANTRY_NODE_NAME", environment.node_name, _("what this host is called")),
        ("GANTRY_SCP_PROCESSES", str(environment.scp_processes), _("processes that share the DICOM port")),
        ("GANTRY_HOME", str(environment.home), _("everything written")),
        ("GANTRY_STORAGE", str(environment.storage), _("hot store")),
        ("GANTRY_STABLE_SECONDS", str(environment.stable_seconds), _("quiet time until a study is complete")),
        ("GANTRY_TIME_ZONE", environment.time_zone, _("local time in rules")),
        (
            "GANTRY_SPOOL_HIGH_PERCENT",
            str(environment.spool_high_percent),
            _("disk share in use from which on instances are refused"),
        ),
        ("DATABASE_URL", _place(environment.database_url) or _("embedded SQLite"), _("database")),
        (
            "CELERY_BROKER_URL",
            _("embedded Valkey") if environment.is_broker_embedded else _place(environment.broker_url),
            _("broker that wakes the workers"),
        ),
        ("GANTRY_LOG_LEVEL", environment.log_level, _("what is logged")),
        ("GANTRY_FAULTS", ", ".join(environment.faults) or "0", _("faults that may be injected; none in production")),
        (
            "DJANGO_DEBUG",
            _("on") if environment.is_debug else _("off"),
            _("error pages with details; off in production"),
        ),
    ]


def _about_nodes() -> dict[str, Any]:
    nodes = board()
    return {"nodes": nodes, "versions_running": len(running_versions(nodes)), "gone_seconds": GONE_SECONDS}


def _place(url: str | None) -> str:
    """Scheme and host of a URL: user and password are nobody's business."""
    if not url:
        return ""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _database_version() -> tuple[Any, ...]:
    found: tuple[Any, ...] = connection.get_database_version()
    return found
