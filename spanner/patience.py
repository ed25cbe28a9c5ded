"""Wait for what comes, and look up now and then: a peer may have cancelled meanwhile, or want to hear something."""

import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import TypeVar

from django.db import connection

Thing = TypeVar("Thing")
TICK_SECONDS = 0.25


class _End:
    """There is no more; or it broke off with an error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def with_ticks(things: Iterator[Thing], seconds: float = TICK_SECONDS) -> Iterator[Thing | None]:
    """The same things, and None whenever none has come for a while.

    They are made in a thread of their own. Who stops asking does not stop that: a question that is under way is
    answered, recorded, and its answer kept for the next one.
    """
    queue: SimpleQueue[Thing | _End] = SimpleQueue()

    def make() -> None:
        end = _End()
        try:
            for thing in things:
                queue.put(thing)
        except BaseException as error:  # noqa: BLE001 (whoever waits gets it)
            end = _End(error)
        finally:
            connection.close()
            queue.put(end)

    threading.Thread(target=make, name="patience", daemon=True).start()
    while True:
        try:
            found = queue.get(timeout=seconds)
        except Empty:
            yield None
            continue
        if not isinstance(found, _End):
            yield found
            continue
        if found.error is not None:
            raise found.error
        return
