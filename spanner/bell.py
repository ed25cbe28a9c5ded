"""Tells whoever waits for answers that there is one in the rows: a list in Redis, which may be lost.

A bell that is not heard costs a moment: who waits looks at the rows now and then anyway. It says no more than the
numbers of sources.
"""

import logging
from functools import lru_cache

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)
KEPT_SECONDS = 900
CONNECT_SECONDS, ANSWER_SECONDS = 1, 5
BEGUN, ANSWERED = "begun", "answered"


class BellLost(Exception):
    """Redis does not answer."""


def ring(query_id: str, word: str, source_pk: int) -> None:
    """Say that a worker has begun to ask a source, or that its answer is written."""
    try:
        with _redis(settings.GANTRY.redis_url).pipeline(transaction=False) as together:
            together.rpush(_key(query_id), f"{word} {source_pk}")
            together.expire(_key(query_id), KEPT_SECONDS)
            together.execute()
    except (RedisError, OSError) as error:
        logger.warning("bell not heard", extra={"error_type": type(error).__name__})


def hear(query_id: str, seconds: float) -> tuple[str, int] | None:
    """Wait for a word; None when there was none in that time.

    Args:
        query_id: of the question.
        seconds: at most ANSWER_SECONDS less one.

    Raises:
        BellLost: nobody can be heard.
    """
    try:
        told = _redis(settings.GANTRY.redis_url).blpop([_key(query_id)], timeout=max(seconds, 0.01))
    except (RedisError, OSError) as error:
        raise BellLost from error
    if not told:
        return None
    word, _, number = str(told[1]).partition(" ")
    return word, int(number)


def _key(query_id: str) -> str:
    return f"span:told:{query_id}"


@lru_cache(maxsize=2)
def _redis(url: str) -> "Redis":
    # One connection for each that waits; a lost one is not tried again here, for there is another way.
    once = Retry(NoBackoff(), 0)
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=once,
        decode_responses=True,
    )
