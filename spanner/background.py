"""Work in a thread of its own: what comes of it, also what nobody expected, is in a future for whoever waits."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from django.db import connection

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


def start(name: str, job: "Callable[[], Result]") -> "Future[Result]":
    """Begin a job in a daemon thread, whose database connection is closed after it.

    Args:
        name: of the thread.
        job: what is done.
    """
    future: Future[Result] = Future()

    def work() -> None:
        try:
            settle(future, job)
        finally:
            connection.close()

    threading.Thread(target=work, name=name, daemon=True).start()
    return future


def settle(future: "Future[Result]", job: "Callable[[], Result]") -> None:
    """Do a job now, and put what comes of it into a future."""
    try:
        result = job()
    except BaseException as error:  # noqa: BLE001 (a thread's end: whoever waits gets it)
        future.set_exception(error)
    else:
        future.set_result(result)


def log_failure(future: "Future[Result]") -> None:
    """For a job that nobody waits for: what nobody expected is logged."""
    if (error := future.exception()) is not None:
        logger.error("a job in the background failed", exc_info=error)
