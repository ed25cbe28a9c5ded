"""Have a study of a federation in Gantry's own archive, from which all doors give it out."""

import logging
import threading
from concurrent.futures import Future

from django.db import DatabaseError, connection

from spanner.errors import NotBrought
from spanner.fetch.wait import why_not_here
from spanner.models import SpanningConfig

logger = logging.getLogger(__name__)
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
    if why := why_not_here(config, study_instance_uid, by=by, wait_seconds=LONGEST_SECONDS):
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
        future = _under_way[key] = Future()
    threading.Thread(target=_run, args=(key, future, config, by), name="bring", daemon=True).start()
    return future


def _run(key: tuple[int, str], future: "Future[None]", config: SpanningConfig, by: str) -> None:
    error: BaseException | None = None
    try:
        bring(config, key[1], by=by)
    except NotBrought as refused:
        error = refused
    except DatabaseError as broken:
        error = NotBrought("the database does not answer now")
        error.__cause__ = broken
    except BaseException as broken:
        # The thread's boundary: whoever waits is told so in words, and the log has the rest.
        logger.exception("a study is not brought", extra={"federation": config.name})
        error = NotBrought("an error of Gantry's own, see its log")
        error.__cause__ = broken
    finally:
        connection.close()
        with _lock:
            _under_way.pop(key, None)
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
