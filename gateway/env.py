"""The environment, read once and here only: every setting an installation may change, with its meaning."""

import os
import re
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ

from dicomnet.faults import NAMES
from dicomnet.tls import TlsFiles
from gateway.private_files import kept_secret

BASE_DIR = Path(__file__).resolve().parent.parent
SHORTEST_KEY = 32
UNIX_SOCKET_PATH_BYTES = 100  # Linux takes 108 with the closing zero; leave room for a suffix


class BadSetting(Exception):
    """A variable's value cannot be used; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Variable:
    """One line of the settings table in docs/settings.md."""

    name: str
    default: str
    meaning: str


VARIABLES = (
    Variable(
        "DATABASE_URL",
        "SQLite under GANTRY_HOME",
        "PostgreSQL for production: `postgres://user:password@host:5432/gantry`",
    ),
    Variable(
        "REDIS_URL",
        "an embedded Valkey",
        "Redis or Valkey for locks and cache, and the broker when CELERY_BROKER_URL is not given",
    ),
    Variable("CELERY_BROKER_URL", "REDIS_URL", "the broker of the Celery workers: `redis://` or `amqp://`"),
    Variable("GANTRY_HOME", "./var", "everything written: database, spool, stores, logs, secrets; a local disk"),
    Variable(
        "GANTRY_STORAGE",
        "$GANTRY_HOME/hot",
        "the hot store; on the file system of GANTRY_HOME it is filled without copying",
    ),
    Variable("GANTRY_HTTP_BIND", "127.0.0.1:8000", "address and port of portal and API"),
    Variable("GANTRY_AE_TITLE", "GANTRY", "the AE title under which Gantry is called and calls"),
    Variable("GANTRY_DICOM_BIND", "127.0.0.1:11112", "address and port of the DICOM listener"),
    Variable("GANTRY_DICOM_TLS_BIND", "off", "address and port of the DICOM listener over TLS: `0.0.0.0:2762`"),
    Variable("GANTRY_TLS_CERT", "none", "path of the gateway's certificate, PEM, with the intermediate ones after it"),
    Variable("GANTRY_TLS_KEY", "none", "path of its private key, PEM, not encrypted"),
    Variable(
        "GANTRY_TLS_CA",
        "none",
        "path of the certificates, PEM, that verify callers, who must then show one, and the peers that are called",
    ),
    Variable("GANTRY_SCP_PROCESSES", "2", "processes that share the DICOM port"),
    Variable(
        "GANTRY_STABLE_SECONDS",
        "60",
        "quiet time after which a series or a study counts as complete, until its sender's own pace is known",
    ),
    Variable(
        "GANTRY_FIND_LIMIT",
        "100000",
        "most matches that one C-FIND is answered with; more end with A700, after so many",
    ),
    Variable(
        "GANTRY_SPOOL_HIGH_PERCENT",
        "92",
        "share of the disk in use from which on C-STORE is answered with A700; "
        "7 below, new associations that store are rejected for now; 100: neither",
    ),
    Variable(
        "GANTRY_TIME_ZONE",
        "UTC",
        "the site's time zone, as `Europe/Zurich`: hours of day are meant in it, in rules, lanes' windows and on pages",
    ),
    Variable(
        "GANTRY_TIER_COPIES",
        "1",
        "verified copies in a slower tier, each in another location, without which no file leaves the hot one",
    ),
    Variable(
        "GANTRY_TIER_GRACE_SECONDS",
        "300",
        "after a study was moved, until what it was read from before is removed: who still reads it comes to an end",
    ),
    Variable(
        "GANTRY_HOT_COST_PER_GB_MONTH",
        "0",
        "what a GB (10^9 bytes) on the hot tier costs a month, such as `0.023`, for what policies say that they save",
    ),
    Variable(
        "GANTRY_RECALL_KEEP_DAYS",
        "7",
        "days without a read after which a study that was brought back to be read goes to where it was; "
        "0: it stays until a policy moves it",
    ),
    Variable(
        "GANTRY_SCRUB_DAYS",
        "30",
        "days within which every stored file and every copy is read again and compared with its hash; 0: never",
    ),
    Variable(
        "GANTRY_SCRUB_MB_PER_SECOND", "20", "megabytes that are read for that in a second at most, from all places"
    ),
    Variable(
        "GANTRY_SPAN_EXECUTOR",
        "threads",
        "who asks the sources of a federation: `threads` of the process that was asked, or `celery` workers of the "
        "queue `span`",
    ),
    Variable(
        "GANTRY_SPAN_HISTORY_DAYS", "90", "days for which it is kept who asked which attributes of which federation"
    ),
    Variable(
        "GANTRY_SPAN_WAIT_SECONDS",
        "20",
        "seconds for which a reader under `/dicom-web/span/` waits for a study that is brought from elsewhere; "
        "then 503, to be asked again",
    ),
    Variable(
        "GANTRY_FETCHED_KEEP_DAYS",
        "7",
        "days after its last use until a study that is here only because it was fetched from another archive is "
        "removed again; 0: never",
    ),
    Variable("GANTRY_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR"),
    Variable(
        "GANTRY_FAULTS",
        "0",
        "1 allows fault injection in a lab, with DJANGO_DEBUG on; without it only the faults named here: "
        "`reject_all,io_delay_ms`",
    ),
    Variable(
        "DJANGO_SECRET_KEY", "made and kept under GANTRY_HOME", "signs sessions and tokens; the same on every host"
    ),
    Variable(
        "GANTRY_ENCRYPTION_KEYS",
        "made and kept under GANTRY_HOME",
        "encrypt the passwords of destinations and sources, the secret keys of buckets, the keys of packs and answers "
        "that are kept; "
        "several, separated by commas: the first encrypts, all decrypt; "
        "the same on every host",
    ),
    Variable("DJANGO_DEBUG", "off", "on: error pages with details; never in production"),
    Variable("DJANGO_ALLOWED_HOSTS", "loopback", "host names under which the portal is reached, separated by commas"),
    Variable("DJANGO_SUPERUSER_USERNAME", "admin", "name of the first administrator"),
    Variable("DJANGO_SUPERUSER_PASSWORD", "random, kept under GANTRY_HOME", "password of the first administrator"),
)


@dataclass(frozen=True)
class Environment:
    """The settings of this installation, checked."""

    home: Path
    storage: Path
    database_url: str | None
    redis_url: str
    broker_url: str
    is_broker_embedded: bool
    broker_socket: Path
    http_bind: tuple[str, int]
    dicom_bind: tuple[str, int]
    dicom_tls_bind: tuple[str, int] | None
    tls_cert: Path | None
    tls_key: Path | None
    tls_ca: Path | None
    ae_title: str
    scp_processes: int
    stable_seconds: int
    spool_high_percent: int
    find_limit: int
    tier_copies: int
    tier_grace_seconds: int
    hot_cost_per_gb_month: Decimal
    recall_keep_days: int
    scrub_days: int
    scrub_mb_per_second: int
    span_executor: str
    span_history_days: int
    span_wait_seconds: int
    fetched_keep_days: int
    time_zone: str
    log_level: str
    faults: tuple[str, ...]
    secret_key: str
    encryption_keys: tuple[str, ...] = field(repr=False)
    is_debug: bool
    allowed_hosts: list[str]
    superuser_username: str
    superuser_password: str | None

    @property
    def spool_dir(self) -> Path:
        """Where received instances are durable before they are indexed."""
        return self.home / "spool"

    @property
    def tls_files(self) -> TlsFiles:
        """Certificate, key and CA file for calls in both directions."""
        return TlsFiles(self.tls_cert, self.tls_key, self.tls_ca)

    @property
    def run_dir(self) -> Path:
        """Sockets, locks, readiness marks and metrics of the running processes."""
        return self.home / "run"

    @property
    def log_dir(self) -> Path:
        """One log file per process."""
        return self.home / "log"

    @property
    def secrets_dir(self) -> Path:
        """Files that only the owner may read."""
        return self.home / "secrets"


def read_environment() -> Environment:
    """Read and check all variables, the file ``.env`` beside manage.py included.

    Raises:
        BadSetting: a value cannot be used.
    """
    env = environ.FileAwareEnv()
    env.read_env(BASE_DIR / ".env", overwrite=False)
    home = Path(env.str("GANTRY_HOME", "var")).expanduser()
    home = (home if home.is_absolute() else BASE_DIR / home).resolve()
    broker_socket = _socket_path(home)
    redis_url = env.str("REDIS_URL", "")
    broker_url = env.str("CELERY_BROKER_URL", "") or redis_url
    is_embedded = not (redis_url and broker_url)
    storage = env.str("GANTRY_STORAGE", "")
    http_bind = _bind(env.str("GANTRY_HTTP_BIND", "127.0.0.1:8000"), "GANTRY_HTTP_BIND")
    dicom_bind = _bind(env.str("GANTRY_DICOM_BIND", "127.0.0.1:11112"), "GANTRY_DICOM_BIND")
    cert, key, ca = (_pem_path(name) for name in ("GANTRY_TLS_CERT", "GANTRY_TLS_KEY", "GANTRY_TLS_CA"))
    return Environment(
        home=home,
        storage=Path(storage).expanduser().resolve() if storage else home / "hot",
        database_url=_database_url(env.str("DATABASE_URL", "")),
        redis_url=redis_url or f"unix://{broker_socket}",
        broker_url=_celery_form(broker_url) or f"redis+socket://{broker_socket}",
        is_broker_embedded=is_embedded,
        broker_socket=broker_socket,
        http_bind=http_bind,
        dicom_bind=dicom_bind,
        dicom_tls_bind=_tls_bind(env.str("GANTRY_DICOM_TLS_BIND", ""), cert, key, other=dicom_bind),
        tls_cert=cert,
        tls_key=key,
        tls_ca=ca,
        ae_title=_ae_title(env.str("GANTRY_AE_TITLE", "GANTRY")),
        scp_processes=_number(env, "GANTRY_SCP_PROCESSES", 2, 1, 64),
        stable_seconds=_number(env, "GANTRY_STABLE_SECONDS", 60, 1, 86_400),
        spool_high_percent=_number(env, "GANTRY_SPOOL_HIGH_PERCENT", 92, 1, 100),
        find_limit=_number(env, "GANTRY_FIND_LIMIT", 100_000, 1, 10_000_000),
        tier_copies=_number(env, "GANTRY_TIER_COPIES", 1, 1, 9),
        tier_grace_seconds=_number(env, "GANTRY_TIER_GRACE_SECONDS", 300, 0, 86_400),
        hot_cost_per_gb_month=_amount(env, "GANTRY_HOT_COST_PER_GB_MONTH"),
        recall_keep_days=_number(env, "GANTRY_RECALL_KEEP_DAYS", 7, 0, 3650),
        scrub_days=_number(env, "GANTRY_SCRUB_DAYS", 30, 0, 3650),
        scrub_mb_per_second=_number(env, "GANTRY_SCRUB_MB_PER_SECOND", 20, 1, 10_000),
        span_executor=_choice(env, "GANTRY_SPAN_EXECUTOR", "threads", ("threads", "celery")),
        span_history_days=_number(env, "GANTRY_SPAN_HISTORY_DAYS", 90, 1, 3650),
        span_wait_seconds=_number(env, "GANTRY_SPAN_WAIT_SECONDS", 20, 0, 300),
        fetched_keep_days=_number(env, "GANTRY_FETCHED_KEEP_DAYS", 7, 0, 3650),
        time_zone=_time_zone(env.str("GANTRY_TIME_ZONE", "UTC")),
        log_level=_choice(env, "GANTRY_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
        faults=_faults(env.str("GANTRY_FAULTS", "0"), is_debug=_boolean(env, "DJANGO_DEBUG")),
        secret_key=env.str("DJANGO_SECRET_KEY", "") or _kept_secret(home / "secrets" / "secret_key"),
        encryption_keys=_encryption_keys(
            env.str("GANTRY_ENCRYPTION_KEYS", "") or _kept_secret(home / "secrets" / "encryption_keys")
        ),
        is_debug=_boolean(env, "DJANGO_DEBUG"),
        allowed_hosts=env.list("DJANGO_ALLOWED_HOSTS", default=[]) or ["localhost", "127.0.0.1", "[::1]"],
        superuser_username=env.str("DJANGO_SUPERUSER_USERNAME", "admin"),
        superuser_password=env.str("DJANGO_SUPERUSER_PASSWORD", "") or None,
    )


def _socket_path(home: Path) -> Path:
    path = home / "run" / "valkey.sock"
    if len(os.fsencode(path)) <= UNIX_SOCKET_PATH_BYTES:
        return path
    # A deep GANTRY_HOME does not fit into a socket address; a name derived from it finds the same socket.
    digest = sha256(os.fsencode(home)).hexdigest()[:16]
    return Path("/tmp") / f"gantry-{os.getuid()}-{digest}" / "valkey.sock"  # noqa: S108 (made 0700 by the supervisor)


def _database_url(value: str) -> str | None:
    if not value:
        return None
    if value.split(":", 1)[0] not in {"postgres", "postgresql", "sqlite"}:
        raise BadSetting(
            "DATABASE_URL must begin with postgres:// (or sqlite:///); leave it out for the embedded SQLite."
        )
    return value


def _celery_form(url: str) -> str:
    """redis-py writes ``unix:///path`` where Celery writes ``redis+socket:///path``."""
    return "redis+socket://" + url.removeprefix("unix://") if url.startswith("unix://") else url


def _bind(value: str, name: str) -> tuple[str, int]:
    host, separator, port = value.rpartition(":")
    try:
        number = int(port)
        ip_address(host.strip("[]"))
    except ValueError:
        number = 0
    if not separator or not 0 < number < 65_536:
        raise BadSetting(f"{name} must be ADDRESS:PORT such as 127.0.0.1:8000 or [::]:8000, not {value!r}.")
    return host.strip("[]"), number


def _tls_bind(value: str, cert: Path | None, key: Path | None, *, other: tuple[str, int]) -> tuple[str, int] | None:
    if (cert is None) != (key is None):
        raise BadSetting("GANTRY_TLS_CERT and GANTRY_TLS_KEY belong together: set both, or neither.")
    if not value or value.lower() == "off":
        return None
    if cert is None:
        raise BadSetting("GANTRY_DICOM_TLS_BIND needs a certificate: set GANTRY_TLS_CERT and GANTRY_TLS_KEY.")
    bind = _bind(value, "GANTRY_DICOM_TLS_BIND")
    if bind == other:
        raise BadSetting(
            "GANTRY_DICOM_TLS_BIND must be another port than GANTRY_DICOM_BIND; 2762 is that of DICOM TLS."
        )
    return bind


def _pem_path(name: str) -> Path | None:
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


def _ae_title(value: str) -> str:
    title = value.strip()
    if not 1 <= len(title) <= 16 or not title.isascii() or not title.isprintable() or "\\" in title:
        raise BadSetting(
            f"GANTRY_AE_TITLE must be 1 to 16 printable ASCII characters without a backslash, not {value!r}."
        )
    return title


def _time_zone(value: str) -> str:
    try:
        return ZoneInfo(value.strip()).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadSetting(f"GANTRY_TIME_ZONE must be a name such as UTC or Europe/Zurich, not {value!r}.") from error


def _number(env: environ.Env, name: str, default: int, low: int, high: int) -> int:
    text = env.str(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise BadSetting(f"{name} must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)


def _amount(env: environ.Env, name: str) -> Decimal:
    text = env.str(name, "0")
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,5})?", text):
        raise BadSetting(f"{name} must be an amount such as 0.023, not {text!r}.")
    return Decimal(text)


def _choice(env: environ.Env, name: str, default: str, choices: tuple[str, ...]) -> str:
    text: str = env.str(name, default)
    found = next((choice for choice in choices if choice.lower() == text.lower()), None)
    if found is None:
        raise BadSetting(f"{name} must be one of {', '.join(choices)}, not {text!r}.")
    return found


def _boolean(env: environ.Env, name: str) -> bool:
    text = env.str(name, "0").lower()
    if text not in {"0", "1", "true", "false", "on", "off", "yes", "no"}:
        raise BadSetting(f"{name} must be on or off, not {text!r}.")
    return text in {"1", "true", "on", "yes"}


def _faults(text: str, *, is_debug: bool) -> tuple[str, ...]:
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


def _kept_secret(path: Path) -> str:
    """A secret that is made at the first start and kept."""
    try:
        return kept_secret(path)
    except OSError as error:
        raise BadSetting(
            f"GANTRY_HOME cannot be written ({path.parent}: {error.strerror}); choose another folder."
        ) from error


def _encryption_keys(text: str) -> tuple[str, ...]:
    keys = tuple(text.replace(",", " ").split())
    if not keys or any(len(key) < SHORTEST_KEY for key in keys):
        raise BadSetting(
            f"GANTRY_ENCRYPTION_KEYS must be one or more keys of at least {SHORTEST_KEY} characters, separated by "
            "commas; make one with: openssl rand -base64 48"
        )
    return keys
