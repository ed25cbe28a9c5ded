"""Settings of the test suite: the same product, quick password hashes, no manifest for static files."""

from gateway.settings.base import *  # noqa: F403
from gateway.settings.base import CACHES, DATABASES, STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = True  # tests collect no static files, and WhiteNoise warns of the missing folder otherwise
CACHES |= {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, so that threads and other processes of a test see the same rows as in production.
    DATABASES["default"]["TEST"] = {"NAME": f"{DATABASES['default']['NAME']}.test"}
