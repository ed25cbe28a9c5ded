"""Sources and federations of archives on loopback."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from spanner.ask.dicomweb import close_idle
from spanner.ask.dimse import pool
from spanner.events import fetches_due
from spanner.fetch.carry_out import work
from spanner.lanes import close_lanes
from spanner.models import ConfigSource, Source, SourceKind, SpanningConfig
from spanner.titles import forget
from tests.peers import LOOPBACK

Federate = Callable[..., SpanningConfig]


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    cache.clear()
    forget()
    yield
    forget()
    close_lanes()
    close_idle()
    pool().close()


@pytest.fixture
def dimse() -> Callable[..., Source]:
    """A source that is asked by C-FIND."""

    def make(name: str, port: int, **told: Any) -> Source:
        told = {"timeout_seconds": 20, "ae_title": "PEER"} | told
        return Source.objects.create(name=name, kind=SourceKind.DIMSE, host=LOOPBACK, port=port, **told)

    return make


@pytest.fixture
def dicomweb() -> Callable[..., Source]:
    """A source that is asked by QIDO-RS."""

    def make(name: str, url: str, **told: Any) -> Source:
        told = {"timeout_seconds": 20} | told
        return Source.objects.create(name=name, kind=SourceKind.DICOMWEB, url=url, **told)

    return make


@pytest.fixture
def fetching() -> Iterator[None]:
    """Fetches are carried out, as by a worker; whoever waits for one is done waiting at the end."""
    stop = threading.Event()

    def fetch() -> None:
        while not stop.wait(0.05):
            work(seconds=1)
        connection.close()

    kept = fetches_due.receivers
    fetches_due.receivers = []
    fetches_due.sender_receivers_cache.clear()
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()
    fetches_due.receivers = kept
    fetches_due.sender_receivers_cache.clear()


@pytest.fixture
def federate() -> Federate:
    """A federation of sources, the first in line first."""

    def make(*sources: Source, **told: Any) -> SpanningConfig:
        told = {"name": "all", "timeout_seconds": 20, "cache_seconds": 0, "retry_attempts": 0} | told
        config = SpanningConfig.objects.create(**told)
        for priority, source in enumerate(sources):
            ConfigSource.objects.create(config=config, source=source, priority=priority)
        return config

    return make
