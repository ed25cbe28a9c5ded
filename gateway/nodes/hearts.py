"""Where hearts begin and end, for each kind of process."""

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celery.signals import beat_init, worker_ready, worker_shutdown

if TYPE_CHECKING:
    from gateway.nodes.heart import Heart

_beating: list["Heart"] = []  # this process's own, if it has begun


@contextmanager
def while_listening(load: Callable[[], int]) -> Iterator[None]:
    """Around the life of one listener process (``settings.DICOM_LISTENER_LIFE``)."""
    _begin("scp", "scp", load)
    try:
        yield
    finally:
        end()


def web_worker_begins(worker: Any) -> None:
    """In a process of gunicorn that serves."""
    _begin("web", "web", lambda: int(worker.nr_conns))


@worker_ready.connect
def _worker_begins(sender: Any = None, **_kwargs: Any) -> None:
    from celery.worker import state  # no other kind of process needs it

    # "index@host" works on the queue index; one that nobody named is "celery@host".
    queue = str(sender.hostname).partition("@")[0]
    _begin("worker", f"worker-{queue}", lambda: len(state.active_requests))


@beat_init.connect
def _beat_begins(**_kwargs: Any) -> None:
    _begin("beat", "beat", None)
    atexit.register(end)  # it has no signal of its end


@worker_shutdown.connect
def _worker_ends(**_kwargs: Any) -> None:
    end()


def end() -> None:
    """This process stops as it should."""
    while _beating:
        _beating.pop().stop()


def _begin(kind: str, name: str, load: Callable[[], int] | None) -> None:
    from gateway.nodes.heart import Heart  # the signals are connected before there are models

    heart = Heart(kind, name, load)
    _beating.append(heart)
    heart.start()
