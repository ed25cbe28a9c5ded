"""Answers that are given again for a while: whole ones only, with their age, and encrypted (they are of patients).

Without Redis every question is asked.
"""

import json
import logging
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from time import time

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from spanner.answers import Answer, State
from spanner.models import Source
from spanner.question import Question

logger = logging.getLogger(__name__)
MAXIMUM_BYTES = 1 << 20  # compressed; larger answers are not kept


def known(sources: Sequence[Source], question: Question, seconds: int) -> dict[int, Answer]:
    """Answers that are at most so old, by the key of the source."""
    keys = {_key(source, question): source for source in sources}
    if not keys or not seconds:
        return {}
    try:
        held = cache.get_many(list(keys))
    except (RedisError, OSError) as error:
        logger.warning("answers are not kept", extra={"error": type(error).__name__})
        return {}
    found = {}
    for key, sealed in held.items():
        answer = _opened(keys[key], sealed)
        if answer is not None and answer.age_seconds <= seconds:
            found[keys[key].pk] = answer
    return found


def keep(source: Source, question: Question, answer: Answer, seconds: int) -> None:
    """Keep an answer for so long; one that is not whole, or large, is not kept."""
    if not seconds or answer.state is not State.OK or answer.age_seconds:
        return
    content = {"at": time(), "milliseconds": answer.milliseconds, "rows": answer.rows}
    packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)
    if len(packed) > MAXIMUM_BYTES:
        return
    try:
        cache.set(_key(source, question), _cipher(settings.GANTRY.encryption_keys[0]).encrypt(packed), seconds)
    except (RedisError, OSError) as error:
        logger.warning("answers are not kept", extra={"error": type(error).__name__})


def _key(source: Source, question: Question) -> str:
    # Of a source whose settings were changed nothing is known any more.
    return f"span:{source.pk}:{source.updated_at.timestamp()}:{question.digest}"


def _opened(source: Source, sealed: bytes) -> Answer | None:
    try:
        packed = _cipher(settings.GANTRY.encryption_keys[0]).decrypt(sealed)
    except InvalidToken:
        return None  # the key was changed
    content = json.loads(zlib.decompress(packed))
    age = max(0.0, time() - content["at"])
    return Answer(source.name, State.OK, content["rows"], content["milliseconds"], age_seconds=max(round(age, 1), 0.1))


@lru_cache(maxsize=2)
def _cipher(key: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"gantry: answers that are kept").derive(key.encode())
    return Fernet(urlsafe_b64encode(derived))
