"""Settings of every installation; what differs between installations comes from gateway.env."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF

from gateway.env import BASE_DIR, read_environment
from gateway.logging import logging_config

GANTRY = read_environment()

SECRET_KEY = GANTRY.secret_key
DEBUG = GANTRY.is_debug
ALLOWED_HOSTS = GANTRY.allowed_hosts

INSTALLED_APPS = [
    "gateway",
    "gateway.accounts",
    "gateway.nodes",
    "gateway.audit",
    "gateway.analytics",
    "gateway.portal",
    "gateway.batches",
    "gateway.configuration",
    "gateway.samples",
    "gateway.webhooks",
    "dicomnet",
    "studies",
    "routing",
    "tiering",
    "spanner",
    "gateway.admin_config.GantryAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_prometheus",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "rest_framework_api_key",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
    "gateway.audit.actor.Asking",
    "gateway.accounts.sight.SeesOwnSites",  # until it is known who asks nothing is seen
    "gateway.audit.accesses.Accesses",
    "gateway.straight_door.StraightDoor",  # what follows is for people
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "gateway.no_store.NoStore",
    "csp.middleware.CSPMiddleware",
    "gateway.accounts.sessions.SecureCookies",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gateway.accounts.sessions.SessionLimits",
    "gateway.languages.middleware.PageLanguage",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "gateway.accounts.obligations.FirstThingsFirst",
    "gateway.accounts.recent_password.RecentPassword",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "gateway.urls"
WSGI_APPLICATION = "gateway.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gateway.portal.context.portal",
            ],
        },
    },
]

# SQLite: WAL lets readers go on while one writes, IMMEDIATE takes the write lock at BEGIN (a deferred one fails
# at once when two upgrade), FULL keeps committed rows through a power cut.
SQLITE_OPTIONS = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA cache_size=-20000;"
    "PRAGMA journal_size_limit=27103364;",
}


def database(url: str | None, home: Path) -> dict[str, Any]:
    """Django's database entry for a DATABASE_URL; None is the embedded SQLite.

    Connections are kept between requests. One to SQLite costs four pragmas to open, and whoever closes the last one
    empties the log into the database and syncs it: more than the queries of most requests.
    """
    if url is None:
        embedded = {"ENGINE": "django.db.backends.sqlite3", "NAME": home / "db.sqlite3"}
        return embedded | {"OPTIONS": SQLITE_OPTIONS, "CONN_MAX_AGE": 60}
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    if config["ENGINE"].endswith("sqlite3"):
        return config | {"OPTIONS": SQLITE_OPTIONS, "CONN_MAX_AGE": 60}
    return config | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


DATABASES = {"default": database(GANTRY.database_url, GANTRY.home)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": GANTRY.redis_url},
    # Parts of pages, each kept under all that it shows, so that none can be out of date. Each process has its own.
    "template_fragments": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "fragments"},
}

STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": GANTRY.home / "files"},
    },
    "dicom": {"BACKEND": "studies.storage.HotStorage", "OPTIONS": {"location": GANTRY.storage}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = GANTRY.home / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]

# Who answers which called AE title (dicomnet.services.Services): the protocol never imports the archive.
DICOM_SERVICES = {
    GANTRY.ae_title: "gateway.dimse.FaultyServices" if GANTRY.faults else "gateway.dimse.GatewayServices",
}
# Who answers to a title that is not among them; these may be changed while the listener runs.
DICOM_SERVICES_BY_TITLE = "gateway.dimse.federation_behind"
# What goes on beside each listener process for as long as it runs: a context manager, given what counts connections.
DICOM_LISTENER_LIFE = "gateway.nodes.hearts.while_listening"

# What still needs the file of an instance where it is quickly read (studies.holds).
INSTANCE_HOLDS = [
    "studies.holds.undecided",
    "studies.holds.awaiting_commitment",
    "routing.holds.to_deliver",
    "routing.holds.to_ask_about",
]

# Who has to know that an instance's file was lost and has come again, with another head: studies imports none of them.
INSTANCE_FILE_REPLACED = ["tiering.sources.forget_copies"]

# Who keeps on record what is done (dicomnet.audit): every layer tells it, and none of them imports it.
AUDIT_TRAIL = "gateway.audit.record"

# Who knows which arrivals Gantry itself asked an archive to send (studies.fetched), and what, besides the holds above,
# keeps a study that is here only because it was fetched (spanner.fetch.retention).
ASKED_TO_SEND = "spanner.fetch.arrivals.sources_of"
FETCHED_HOLDS = ["routing.holds.worked_on"]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["gateway.accounts.backends.RoleBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "gateway.accounts.common_passwords.CommonPartsValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "sign-in"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 86_400
TIME_ZONE = GANTRY.time_zone
USE_I18N = True
USE_TZ = True

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [SELF],
        "object-src": [NONE],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = GANTRY.hsts_days * 86_400  # said over HTTPS alone
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = GANTRY.session_hours * 3600
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "gateway.accounts.authentication.ApiKeyAuthentication",
        "gateway.accounts.bearer.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["gateway.accounts.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["gateway.parsers.BoundedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "gateway.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["gateway.filters.StrictFilter", "gateway.filters.StrictOrdering"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "gateway.problems.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(hours=12),
    "UPDATE_LAST_LOGIN": True,
    "ALGORITHM": "HS256",  # the only one that is taken, whatever a token says of itself
    "CHECK_REVOKE_TOKEN": True,  # a changed password ends what was signed in with the old one
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Gantry",
    "DESCRIPTION": "The REST API of the DICOM gateway and edge archive.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["gateway.api_docs.without_closing_slash"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "gateway.api_docs.blank_as_any_of",
        "gateway.api_docs.problems_for_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "DeliveryStateEnum": "routing.models.DeliveryState",
        "CommitmentStateEnum": "studies.commitments.models.CommitmentState",
        "TierEnum": "studies.models.Tier",
        "SlowTierEnum": "tiering.models.locations.SLOW_TIERS",
        "MoveStateEnum": "tiering.models.MoveState",
        "MoveReasonEnum": "tiering.models.Reason",
        "FetchStateEnum": "spanner.models.FetchState",
        "ProcessKindEnum": "gateway.nodes.models.Kind",
        "ProcessStateEnum": "gateway.nodes.states.State",
        "SeesEnum": "gateway.accounts.models.Sees",
        "AuditActionEnum": "dicomnet.audit.Action",
        "ActorKindEnum": "dicomnet.audit.ActorKind",
        "WebhookEventEnum": "gateway.webhooks.kinds.EventKind",
        "WebhookStateEnum": "gateway.webhooks.selectors.State",
        "WebhookDeliveryStateEnum": "gateway.webhooks.models.DeliveryState",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

CELERY_BROKER_URL = GANTRY.broker_url
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A broker that is down must cost a publisher a moment, not a minute: the sweep repairs what was not said.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 30,
    "visibility_timeout": 600,
    "max_retries": 1,
    "interval_start": 0.1,
    "connect_retries_timeout": 1,
}
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # workers wait for their broker as long as it takes
CELERY_TASK_PUBLISH_RETRY = False

LOGGING = logging_config(GANTRY.log_level)
PROMETHEUS_EXPORT_MIGRATIONS = False
