"""Answers that are given again for a while: whole ones only, with their age, and encrypted (they are of patients).

Without Redis every question is asked.
"""

import logging
from collections.abc import Sequence
from time import time

from django.core.cache import cache
from redis.exceptions import RedisError

from spanner.answers import Answer, State
from spanner.models import Source
from spanner.question import Question
from spanner.sealed import seal, unseal

logger = logging.getLogger(__name__)
MAXIMUM_BYTES = 1_400_000  # compressed and encrypted; larger answers are not kept


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
    sealed = seal(content)
    if len(sealed) > MAXIMUM_BYTES:
        return
    try:
        cache.set(_key(source, question), sealed, seconds)
    except (RedisError, OSError) as error:
        logger.warning("answers are not kept", extra={"error": type(error).__name__})


def _key(source: Source, question: Question) -> str:
    # Of a source whose settings were changed nothing is known any more.
    return f"span:{source.pk}:{source.updated_at.timestamp()}:{question.digest}"


def _opened(source: Source, sealed: bytes) -> Answer | None:
    content = unseal(sealed)
    if content is None:
        return None  # the keys were changed
    age = max(0.0, time() - content["at"])
    return Answer(source.name, State.OK, content["rows"], content["milliseconds"], age_seconds=max(round(age, 1), 0.1))
