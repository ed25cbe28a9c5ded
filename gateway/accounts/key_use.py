"""What is noted, and limited, whenever an API key is used."""

import logging
import time
from datetime import timedelta

import redis
from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from gateway.accounts.errors import TooManyRequests
from gateway.accounts.models import ApiKey

logger = logging.getLogger(__name__)
NOTED_AFTER = timedelta(minutes=1)
_MINUTE = 60


def note_use(api_key: ApiKey) -> None:
    """Keep when a key was last used, to the minute: not one write for each of a search's hundred requests.

    What cannot be noted now is noted with a later request; it is no reason to refuse this one.
    """
    now = timezone.now()
    long_ago = Q(last_used_at=None) | Q(last_used_at__lte=now - NOTED_AFTER)
    if api_key.last_used_at is not None and api_key.last_used_at > now - NOTED_AFTER:
        return
    try:
        ApiKey.objects.filter(long_ago, pk=api_key.pk).update(last_used_at=now)
    except DatabaseError as error:
        logger.warning("use of an API key is not noted", extra={"error_type": type(error).__name__})


def keep_to_rate(api_key: ApiKey) -> None:
    """Count a request of a key that has a limit, in the minute of the clock.

    The count is raised and read in one step of the cache, so requests at the same moment are counted one by one.
    Without the cache the limit is not kept: it is there against programs that run wild, and pictures must be seen.

    Raises:
        TooManyRequests: this minute's are used up.
    """
    if api_key.requests_per_minute is None:
        return
    now = time.time()
    key = f"api-key-rate:{api_key.prefix}:{int(now // _MINUTE)}"
    try:
        cache.add(key, 0, timeout=2 * _MINUTE)
        count = cache.incr(key)
    except redis.RedisError as error:
        logger.warning("requests of an API key are not counted", extra={"error_type": type(error).__name__})
        return
    if count > api_key.requests_per_minute:
        raise TooManyRequests(
            f"This API key may ask {api_key.requests_per_minute} times a minute.",
            retry_after_seconds=int(_MINUTE - now % _MINUTE) + 1,
        )
