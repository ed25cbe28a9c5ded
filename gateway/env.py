"""The environment, read once and here only."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import environ

from dicomnet.tls import TlsFiles
from gateway import env_values as values
from gateway.env_values import BASE_DIR, BadSetting

__all__ = ["BASE_DIR", "BadSetting", "Environment", "read_environment"]


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
    audit_syslog: tuple[str, str, int] | None
    audit_syslog_tls: TlsFiles
    audit_archive: Path | None
    audit_keep_days: int
    webhook_keep_days: int
    node_name: str
    trusted_proxies: frozenset[str]
    sign_in_attempts: int
    sign_in_attempts_per_address: int
    lockout_minutes: int
    hsts_days: int
    session_idle_minutes: int
    session_hours: int
    second_factor: str
    new_users_see: str
    time_zone: str
    log_level: str
    faults: tuple[str, ...]
    secret_key: str
    encryption_keys: tuple[str, ...] = field(repr=False)
    audit_keys: tuple[str, ...] = field(repr=False)
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
    broker_socket = values.socket_path(home)
    redis_url = env.str("REDIS_URL", "")
    broker_url = env.str("CELERY_BROKER_URL", "") or redis_url
    is_embedded = not (redis_url and broker_url)
    storage = env.str("GANTRY_STORAGE", "")
    http_bind = values.bind(env.str("GANTRY_HTTP_BIND", "127.0.0.1:8000"), "GANTRY_HTTP_BIND")
    dicom_bind = values.bind(env.str("GANTRY_DICOM_BIND", "127.0.0.1:11112"), "GANTRY_DICOM_BIND")
    cert, key, ca = (values.pem_path(name) for name in ("GANTRY_TLS_CERT", "GANTRY_TLS_KEY", "GANTRY_TLS_CA"))
    return Environment(
        home=home,
        storage=Path(storage).expanduser().resolve() if storage else home / "hot",
        database_url=values.database_url(env.str("DATABASE_URL", "")),
        redis_url=redis_url or f"unix://{broker_socket}",
        broker_url=values.celery_form(broker_url) or f"redis+socket://{broker_socket}",
        is_broker_embedded=is_embedded,
        broker_socket=broker_socket,
        http_bind=http_bind,
        dicom_bind=dicom_bind,
        dicom_tls_bind=values.tls_bind(env.str("GANTRY_DICOM_TLS_BIND", ""), cert, key, other=dicom_bind),
        tls_cert=cert,
        tls_key=key,
        tls_ca=ca,
        ae_title=values.ae_title(env.str("GANTRY_AE_TITLE", "GANTRY")),
        scp_processes=values.number(env, "GANTRY_SCP_PROCESSES", 2, 1, 64),
        stable_seconds=values.number(env, "GANTRY_STABLE_SECONDS", 60, 1, 86_400),
        spool_high_percent=values.number(env, "GANTRY_SPOOL_HIGH_PERCENT", 92, 1, 100),
        find_limit=values.number(env, "GANTRY_FIND_LIMIT", 100_000, 1, 10_000_000),
        tier_copies=values.number(env, "GANTRY_TIER_COPIES", 1, 1, 9),
        tier_grace_seconds=values.number(env, "GANTRY_TIER_GRACE_SECONDS", 300, 0, 86_400),
        hot_cost_per_gb_month=values.amount(env, "GANTRY_HOT_COST_PER_GB_MONTH"),
        recall_keep_days=values.number(env, "GANTRY_RECALL_KEEP_DAYS", 7, 0, 3650),
        scrub_days=values.number(env, "GANTRY_SCRUB_DAYS", 30, 0, 3650),
        scrub_mb_per_second=values.number(env, "GANTRY_SCRUB_MB_PER_SECOND", 20, 1, 10_000),
        span_executor=values.choice(env, "GANTRY_SPAN_EXECUTOR", "threads", ("threads", "celery")),
        span_history_days=values.number(env, "GANTRY_SPAN_HISTORY_DAYS", 90, 1, 3650),
        span_wait_seconds=values.number(env, "GANTRY_SPAN_WAIT_SECONDS", 20, 0, 300),
        fetched_keep_days=values.number(env, "GANTRY_FETCHED_KEEP_DAYS", 7, 0, 3650),
        audit_syslog=values.syslog_receiver(env.str("GANTRY_AUDIT_SYSLOG", "")),
        audit_syslog_tls=values.tls_files(
            "GANTRY_AUDIT_SYSLOG_CERT", "GANTRY_AUDIT_SYSLOG_KEY", "GANTRY_AUDIT_SYSLOG_CA"
        ),
        audit_archive=values.folder(env.str("GANTRY_AUDIT_ARCHIVE", "")),
        audit_keep_days=values.number(env, "GANTRY_AUDIT_KEEP_DAYS", 0, 0, 36_500),
        webhook_keep_days=values.number(env, "GANTRY_WEBHOOK_KEEP_DAYS", 30, 1, 3650),
        node_name=values.node_name(env.str("GANTRY_NODE_NAME", "")),
        trusted_proxies=values.addresses(env.str("GANTRY_TRUSTED_PROXIES", ""), "GANTRY_TRUSTED_PROXIES"),
        sign_in_attempts=values.number(env, "GANTRY_SIGN_IN_ATTEMPTS", 5, 1, 100),
        sign_in_attempts_per_address=values.number(env, "GANTRY_SIGN_IN_ATTEMPTS_PER_ADDRESS", 50, 0, 100_000),
        hsts_days=values.number(env, "GANTRY_HSTS_DAYS", 365, 0, 3650),
        lockout_minutes=values.number(env, "GANTRY_LOCKOUT_MINUTES", 15, 1, 1440),
        session_idle_minutes=values.number(env, "GANTRY_SESSION_IDLE_MINUTES", 30, 1, 1440),
        session_hours=values.number(env, "GANTRY_SESSION_HOURS", 12, 1, 168),
        second_factor=values.choice(
            env, "GANTRY_SECOND_FACTOR", "optional", ("optional", "administrators", "everyone")
        ),
        new_users_see=values.choice(env, "GANTRY_NEW_USERS_SEE", "all", ("all", "nothing")),
        time_zone=values.time_zone(env.str("GANTRY_TIME_ZONE", "UTC")),
        log_level=values.choice(env, "GANTRY_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
        faults=values.faults(env.str("GANTRY_FAULTS", "0"), is_debug=values.boolean(env, "DJANGO_DEBUG")),
        secret_key=env.str("DJANGO_SECRET_KEY", "") or values.kept_secret(home / "secrets" / "secret_key"),
        encryption_keys=values.encryption_keys(
            env.str("GANTRY_ENCRYPTION_KEYS", "") or values.kept_secret(home / "secrets" / "encryption_keys")
        ),
        audit_keys=values.encryption_keys(
            env.str("GANTRY_AUDIT_KEYS", "") or values.kept_secret(home / "secrets" / "audit_keys"), "GANTRY_AUDIT_KEYS"
        ),
        is_debug=values.boolean(env, "DJANGO_DEBUG"),
        allowed_hosts=env.list("DJANGO_ALLOWED_HOSTS", default=[]) or ["localhost", "127.0.0.1", "[::1]"],
        superuser_username=env.str("DJANGO_SUPERUSER_USERNAME", "admin"),
        superuser_password=env.str("DJANGO_SUPERUSER_PASSWORD", "") or None,
    )
