"""Every setting that an installation may change, with its meaning: the table of docs/settings.md."""

from dataclasses import dataclass


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
        "GANTRY_NODE_NAME",
        "the machine's name",
        "what this host is called on the system page; another one for each host, and in containers one that lasts",
    ),
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
    Variable(
        "GANTRY_WEBHOOK_KEEP_DAYS",
        "30",
        "days for which messages to webhooks that were delivered, or have failed, are kept",
    ),
    Variable(
        "GANTRY_TRUSTED_PROXIES",
        "none",
        "addresses of reverse proxies, separated by commas, whose `X-Forwarded-For` and `X-Forwarded-Proto` are "
        "believed",
    ),
    Variable(
        "GANTRY_SIGN_IN_ATTEMPTS",
        "5",
        "wrong passwords, or codes, for one user name from one address after which it is locked out there",
    ),
    Variable(
        "GANTRY_LOCKOUT_MINUTES",
        "15",
        "minutes for which it is; an administrator can lift it",
    ),
    Variable(
        "GANTRY_SIGN_IN_ATTEMPTS_PER_ADDRESS",
        "50",
        "wrong passwords from one address over all user names, within the minutes of a lock-out, after which nobody "
        "signs in from there; 0: no limit",
    ),
    Variable(
        "GANTRY_HSTS_DAYS",
        "365",
        "days for which a browser that was here by HTTPS comes by nothing else (HSTS); 0: not said",
    ),
    Variable(
        "GANTRY_SESSION_IDLE_MINUTES",
        "30",
        "minutes without activity after which a session of the portal ends; a page that is open and renews itself is "
        "none",
    ),
    Variable(
        "GANTRY_SESSION_HOURS",
        "12",
        "hours after which it ends in any case",
    ),
    Variable(
        "GANTRY_SECOND_FACTOR",
        "optional",
        "who must have a second factor: `administrators`, `everyone`, or nobody (`optional`)",
    ),
    Variable(
        "GANTRY_NEW_USERS_SEE",
        "all",
        "what a new user or API key sees of whom nobody says it: `all` studies, or `nothing` until it is given "
        "[sites](accounts.md#which-studies-somebody-sees)",
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
        "encrypt the passwords of destinations and sources, secrets of webhooks, secret keys of buckets, the keys of "
        "packs and answers that are kept; several, separated by commas: the first encrypts, all decrypt; "
        "the same on every host",
    ),
    Variable(
        "GANTRY_AUDIT_KEYS",
        "made and kept under GANTRY_HOME",
        "sign the audit trail; several, separated by commas: the first signs, all verify; the same on every host",
    ),
    Variable(
        "GANTRY_AUDIT_SYSLOG",
        "off",
        "who is told of each record of the audit trail by syslog: `tls://host:6514`, or `tcp://host:601` without "
        "encryption",
    ),
    Variable(
        "GANTRY_AUDIT_SYSLOG_CA",
        "the system's",
        "path of the certificates, PEM, that verify the syslog receiver",
    ),
    Variable(
        "GANTRY_AUDIT_SYSLOG_CERT",
        "none",
        "path of the certificate, PEM, that is shown to the syslog receiver",
    ),
    Variable("GANTRY_AUDIT_SYSLOG_KEY", "none", "path of its private key, PEM, not encrypted"),
    Variable(
        "GANTRY_AUDIT_KEEP_DAYS",
        "0",
        "days after which records of the audit trail are archived into files and leave the database; 0: never",
    ),
    Variable(
        "GANTRY_AUDIT_ARCHIVE",
        "$GANTRY_HOME/audit/segments",
        "the folder of these files; the same on every host",
    ),
    Variable("DJANGO_DEBUG", "off", "on: error pages with details; never in production"),
    Variable("DJANGO_ALLOWED_HOSTS", "loopback", "host names under which the portal is reached, separated by commas"),
    Variable("DJANGO_SUPERUSER_USERNAME", "admin", "name of the first administrator"),
    Variable("DJANGO_SUPERUSER_PASSWORD", "random, kept under GANTRY_HOME", "password of the first administrator"),
)
