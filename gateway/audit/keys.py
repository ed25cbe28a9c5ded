"""The keys that sign the audit trail, which the database does not have: the first signs, all of them verify."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

KEY_ID_LENGTH = 8


@dataclass(frozen=True)
class Key:
    """One key, and the name by which records say that it signed them."""

    ident: str
    secret: bytes

    def sign(self, content: bytes) -> str:
        """HMAC-SHA-256 in hexadecimal."""
        return hmac.digest(self.secret, content, "sha256").hex()


def signing_key() -> Key:
    """The first of ``GANTRY_AUDIT_KEYS``."""
    return next(iter(known_keys().values()))


def known_keys() -> dict[str, Key]:
    """All of ``GANTRY_AUDIT_KEYS`` by their names, the first in front."""
    return _keys(settings.GANTRY.audit_keys)


@lru_cache(maxsize=4)
def _keys(texts: Sequence[str]) -> dict[str, Key]:
    return {_name(secret): Key(_name(secret), secret) for secret in (text.encode() for text in texts)}


def _name(secret: bytes) -> str:
    return hashlib.sha256(b"name of an audit key\0" + secret).hexdigest()[:KEY_ID_LENGTH]
