"""What is kept of questions and answers, compressed and encrypted: it is of patients.

The first of GANTRY_ENCRYPTION_KEYS encrypts, all of them decrypt.
"""

import json
import zlib
from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def seal(content: Any) -> bytes:
    """Content of JSON as ASCII that says nothing without the key."""
    packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)
    return _cipher(settings.GANTRY.encryption_keys).encrypt(packed)


def unseal(sealed: bytes) -> Any:
    """The content; None when no key opens it."""
    try:
        packed = _cipher(settings.GANTRY.encryption_keys).decrypt(sealed)
    except InvalidToken:
        return None
    return json.loads(zlib.decompress(packed))


@lru_cache(maxsize=2)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_fernet_key(key)) for key in keys])


def _fernet_key(text: str) -> bytes:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"gantry: answers that are kept").derive(text.encode())
    return urlsafe_b64encode(derived)
