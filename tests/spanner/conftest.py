"""Sources and federations of archives on loopback."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache

from spanner.ask.dicomweb import close_idle
from spanner.ask.dimse import pool
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
def federate() -> Federate:
    """A federation of sources, the first in line first."""

    def make(*sources: Source, **told: Any) -> SpanningConfig:
        told = {"name": "all", "timeout_seconds": 20, "cache_seconds": 0, "retry_attempts": 0} | told
        config = SpanningConfig.objects.create(**told)
        for priority, source in enumerate(sources):
            ConfigSource.objects.create(config=config, source=source, priority=priority)
        return config

    return make
