"""A spool of the test's own, and who hears of new instances."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.env import Environment
from studies.events import instances_indexed
from studies.models import Instance
from studies.spool import Spool


@pytest.fixture
def spool(home: Environment) -> Spool:
    spool = Spool(home.spool_dir, 100)
    spool.prepare()
    return spool


@pytest.fixture
def bells() -> Iterator[list[int]]:
    """One entry for each time that new instances were told of."""
    heard: list[int] = []

    def hear(**kwargs: Any) -> None:
        heard.append(Instance.objects.count())

    receivers, instances_indexed.receivers = instances_indexed.receivers, []
    instances_indexed.connect(hear)
    yield heard
    instances_indexed.receivers = receivers
    instances_indexed.sender_receivers_cache.clear()
