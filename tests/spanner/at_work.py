"""What workers do beside a test, in threads: index what has arrived, and carry out fetches."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection
from django.dispatch import Signal

from spanner.events import fetches_due
from spanner.fetch.carry_out import work
from studies.dimse import local_spool
from studies.events import instances_indexed
from studies.index import index_spool


@contextmanager
def indexing() -> Iterator[None]:
    """What arrives is indexed; nobody else hears of it."""
    local_spool()
    with _silent(fetches_due, instances_indexed), _again_and_again(lambda: index_spool(local_spool()), 0.02):
        yield


@contextmanager
def fetching() -> Iterator[None]:
    """Fetches are carried out, and what they bring is indexed."""
    with indexing(), _again_and_again(lambda: work(seconds=1), 0.1):
        yield


@contextmanager
def _again_and_again(do: Callable[[], object], pause_seconds: float) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(pause_seconds):
            do()
        connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _silent(*signals: Signal) -> Iterator[None]:
    kept = {signal: signal.receivers for signal in signals}
    for signal in signals:
        signal.receivers = []
        signal.sender_receivers_cache.clear()
    try:
        yield
    finally:
        for signal, receivers in kept.items():
            signal.receivers = receivers
            signal.sender_receivers_cache.clear()
