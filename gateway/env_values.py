"""Values of the environment: read, checked, and refused in one sentence that says what to do."""

import os
import re
import socket
from decimal import Decimal
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ

from dicomnet.faults import NAMES
from dicomnet.tls import TlsFiles
from gateway import private_files

BASE_DIR = Path(__file__).resolve().parent.parent
SHORTEST_KEY = 32
UNIX_SOCKET_PATH_BYTES = 100  # Linux takes 108 with the closing zero; leave room for a suffix


class BadSetting(Exception):
    """A variable's value cannot be used; the message is one sentence that says what to do."""


def socket_path(home: Path) -> Path:
    """Of the embedded broker."""
    path = home / "run" / "valkey.sock"
    if len(os.fsencode(path)) <= UNIX_SOCKET_PATH_BYTES:
        return path
    # A deep GANTRY_HOME does not fit into a socket address; a name derived from it finds the same socket.
    digest = sha256(os.fsencode(home)).hexdigest()[:16]
    return Path("/tmp") / f"gantry-{os.getuid()}-{digest}" / "valkey.sock"  # noqa: S108 (made 0700 by the supervisor)


def database_url(value: str) -> str | None:
    """The address of a database; None: the embedded SQLite."""
    if not value:
        return None
    if value.split(":", 1)[0] not in {"postgres", "postgresql", "sqlite"}:
        raise BadSetting(
            "DATABASE_URL must begin with postgres:// (or sqlite:///); leave it out for the embedded SQLite."
        )
    return value


def celery_form(url: str) -> str:
    """redis-py writes ``unix:///path`` where Celery writes ``redis+socket:///path``."""
    return "redis+socket://" + url.removeprefix("unix://") if url.startswith("unix://") else url


def bind(value: str, name: str) -> tuple[str, int]:
    """An address and a port."""
    host, separator, port = value.rpartition(":")
    try:
        port_number = int(port)
        ip_address(host.strip("[]"))
    except ValueError:
        port_number = 0
    if not separator or not 0 < port_number < 65_536:
        raise BadSetting(f"{name} must be ADDRESS:PORT such as 127.0.0.1:8000 or [::]:8000, not {value!r}.")
    return host.strip("[]"), port_number


def syslog_receiver(value: str) -> tuple[str, str, int] | None:
    """Transport, host and port of who is told of the audit trail; None: nobody is."""
    if not value or value.lower() == "off":
        return None
    try:
        url = urlsplit(value)
        host, port = url.hostname or "", url.port or 0
    except ValueError:
        host, port = "", 0
    if not host or not port or url.scheme not in {"tls", "tcp"} or url.path.strip("/") or url.username:
        raise BadSetting(f"GANTRY_AUDIT_SYSLOG must be tls://HOST:PORT, or tcp://HOST:PORT, not {value!r}.")
    return url.scheme, host, port


def addresses(value: str, name: str) -> frozenset[str]:
    """IP addresses, separated by commas."""
    try:
        return frozenset(str(ip_address(each)) for each in value.replace(",", " ").split())
    except ValueError as error:
        raise BadSetting(f"{name} must be IP addresses such as 127.0.0.1,10.1.2.3, not {value!r}.") from error


def tls_bind(value: str, cert: Path | None, key: Path | None, *, other: tuple[str, int]) -> tuple[str, int] | None:
    """Where the listener over TLS is; None: there is none."""
    if (cert is None) != (key is None):
        raise BadSetting("GANTRY_TLS_CERT and GANTRY_TLS_KEY belong together: set both, or neither.")
    if not value or value.lower() == "off":
        return None
    if cert is None:
        raise BadSetting("GANTRY_DICOM_TLS_BIND needs a certificate: set GANTRY_TLS_CERT and GANTRY_TLS_KEY.")
    found = bind(value, "GANTRY_DICOM_TLS_BIND")
    if found == other:
        raise BadSetting(
            "GANTRY_DICOM_TLS_BIND must be another port than GANTRY_DICOM_BIND; 2762 is that of DICOM TLS."
        )
    return found


def folder(value: str) -> Path | None:
    """A folder that was named; None: none was."""
    return Path(value).expanduser().resolve() if value else None


def tls_files(cert_name: str, key_name: str, ca_name: str) -> TlsFiles:
    """What a call over TLS shows and trusts, by the names of three variables."""
    cert, key, ca = (pem_path(name) for name in (cert_name, key_name, ca_name))
    if (cert is None) != (key is None):
        raise BadSetting(f"{cert_name} and {key_name} belong together: set both, or neither.")
    return TlsFiles(cert, key, ca)


def pem_path(name: str) -> Path | None:
    """The path of a PEM file; with ``NAME_FILE`` that file may be the PEM itself, as a mounted secret is."""
    file, value = os.environ.get(f"{name}_FILE", ""), os.environ.get(name, "")
    try:
        value = Path(file).read_text() if file else value
    except (OSError, ValueError) as error:
        raise BadSetting(f"{name}_FILE cannot be read ({file}); correct the path or its permissions.") from error
    if "-----BEGIN" in value:
        if not file:
            raise BadSetting(f"{name} must be the path of a PEM file, not its content.")
        value = file
    return BASE_DIR / Path(value.strip()).expanduser() if value.strip() else None


def ae_title(value: str) -> str:
    """Gantry's own AE title."""
    title = value.strip()
    if not 1 <= len(title) <= 16 or not title.isascii() or not title.isprintable() or "\\" in title:
        raise BadSetting(
            f"GANTRY_AE_TITLE must be 1 to 16 printable ASCII characters without a backslash, not {value!r}."
        )
    return title


def node_name(value: str) -> str:
    """What this host is called among those of the installation."""
    if not value.strip():
        return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:64]
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", value.strip()):
        raise BadSetting(
            f"GANTRY_NODE_NAME must be 1 to 64 letters, digits, dots, hyphens and underscores, not {value!r}."
        )
    return value.strip()


def time_zone(value: str) -> str:
    """The name of a time zone."""
    try:
        return ZoneInfo(value.strip()).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadSetting(f"GANTRY_TIME_ZONE must be a name such as UTC or Europe/Zurich, not {value!r}.") from error


def number(env: environ.Env, name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds."""
    text = env.str(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise BadSetting(f"{name} must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)


def amount(env: environ.Env, name: str) -> Decimal:
    """An amount of money."""
    text = env.str(name, "0")
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,5})?", text):
        raise BadSetting(f"{name} must be an amount such as 0.023, not {text!r}.")
    return Decimal(text)


def choice(env: environ.Env, name: str, default: str, choices: tuple[str, ...]) -> str:
    """One of some words."""
    text: str = env.str(name, default)
    found = next((choice for choice in choices if choice.lower() == text.lower()), None)
    if found is None:
        raise BadSetting(f"{name} must be one of {', '.join(choices)}, not {text!r}.")
    return found


def boolean(env: environ.Env, name: str) -> bool:
    """On or off."""
    text = env.str(name, "0").lower()
    if text not in {"0", "1", "true", "false", "on", "off", "yes", "no"}:
        raise BadSetting(f"{name} must be on or off, not {text!r}.")
    return text in {"1", "true", "on", "yes"}


def faults(text: str, *, is_debug: bool) -> tuple[str, ...]:
    """Which faults may be injected: a switch that was left on must not disturb a hospital."""
    value = text.strip().lower()
    if value in {"", "0", "false", "off", "no"}:
        return ()
    if value in {"1", "true", "on", "yes"}:
        if not is_debug:
            raise BadSetting(
                "GANTRY_FAULTS=1 is for a lab with DJANGO_DEBUG=on; without it name the faults that may be injected: "
                f"GANTRY_FAULTS={','.join(NAMES)}."
            )
        return NAMES
    names = tuple(name.strip() for name in value.split(","))
    if not set(names) <= set(NAMES):
        raise BadSetting(f"GANTRY_FAULTS must be 0, 1 or some of {', '.join(NAMES)}, not {text!r}.")
    return names


def kept_secret(path: Path) -> str:
    """A secret that is made at the first start and kept."""
    try:
        return private_files.kept_secret(path)
    except OSError as error:
        raise BadSetting(
            f"GANTRY_HOME cannot be written ({path.parent}: {error.strerror}); choose another folder."
        ) from error


def encryption_keys(text: str, name: str = "GANTRY_ENCRYPTION_KEYS") -> tuple[str, ...]:
    """Keys, the first of which encrypts or signs."""
    keys = tuple(text.replace(",", " ").split())
    if not keys or any(len(key) < SHORTEST_KEY for key in keys):
        raise BadSetting(
            f"{name} must be one or more keys of at least {SHORTEST_KEY} characters, separated by "
            "commas; make one with: openssl rand -base64 48"
        )
    return keys
