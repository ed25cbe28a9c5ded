"""Wait for what comes, and look up now and then: a peer may have cancelled meanwhile, or want to hear something."""

from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import TypeVar

from spanner.background import start

Thing = TypeVar("Thing")
TICK_SECONDS = 0.25


def with_ticks(things: Iterator[Thing], seconds: float = TICK_SECONDS) -> Iterator[Thing | None]:
    """The same things, and None whenever none has come for a while.

    They are made in a thread of their own. Who stops asking does not stop that: a question that is under way is
    answered, recorded, and its answer kept for the next one.
    """
    queue: SimpleQueue[Thing | None] = SimpleQueue()

    def make() -> None:
        for thing in things:
            queue.put(thing)

    made = start("patience", make)
    made.add_done_callback(lambda _: queue.put(None))  # to be found behind the last of them
    while True:
        try:
            found = queue.get(timeout=seconds)
        except Empty:
            yield None
            continue
        if found is None:
            return made.result()
        yield found
