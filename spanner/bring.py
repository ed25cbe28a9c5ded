"""Have a study of a federation in Gantry's own archive, from which all doors give it out."""

import threading
from concurrent.futures import Future
from functools import partial

from django.db import DatabaseError

from spanner.background import start
from spanner.errors import NotBrought
from spanner.fetch.wait import why_not_here
from spanner.models import SpanningConfig

LONGEST_SECONDS = 3600  # that one thread waits; the fetch goes on
MOST_AT_ONCE = 16  # of one process; each has a thread
_under_way: dict[tuple[int, str], "Future[None]"] = {}
_lock = threading.Lock()


def bring(config: SpanningConfig, study_instance_uid: str, *, by: str) -> None:
    """See that a study is here; returns when it is.

    Args:
        config: whose sources may have it.
        study_instance_uid: of it.
        by: who wants it: a user, an API key, or an AE title.

    Raises:
        NotBrought: it is not, and does not come; the message says why.
    """
    try:
        why = why_not_here(config, study_instance_uid, by=by, wait_seconds=LONGEST_SECONDS)
    except DatabaseError as error:
        raise NotBrought("the database does not answer now") from error
    if why:
        raise NotBrought(why)


def begin(config: SpanningConfig, study_instance_uid: str, *, by: str) -> "Future[None]":
    """The same in a thread of its own; who wants what is under way already waits for that.

    Raises:
        NotBrought: too many are under way.
    """
    key = (config.pk, study_instance_uid)
    with _lock:
        if (known := _under_way.get(key)) is not None:
            return known
        if len(_under_way) >= MOST_AT_ONCE:
            raise NotBrought(f"{MOST_AT_ONCE} other studies are being brought: ask again in a moment")
        future = _under_way[key] = start("bring", partial(bring, config, study_instance_uid, by=by))
    future.add_done_callback(lambda _: _forget(key))
    return future


def _forget(key: tuple[int, str]) -> None:
    with _lock:
        _under_way.pop(key, None)
