"""What the tests of routing share: stored instances with real files, and silence of the bells."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from gateway.env import Environment
from routing import crew
from routing.events import deliveries_due
from studies.models import Instance, Series
from studies.storage import hot_storage
from tests.corpus import data_set, part10
from tests.factories import InstanceFactory, SeriesFactory

Store = Callable[..., Instance]


@pytest.fixture
def rung(home: Environment) -> Iterator[list[int]]:
    """Destinations whose lanes were woken; nobody else hears it."""
    heard: list[int] = []

    def hear(destination_pk: int, **kwargs: Any) -> None:
        heard.append(destination_pk)

    receivers, deliveries_due.receivers = deliveries_due.receivers, []
    deliveries_due.sender_receivers_cache.clear()
    deliveries_due.connect(hear)
    yield heard
    deliveries_due.receivers = receivers
    deliveries_due.sender_receivers_cache.clear()


@pytest.fixture(autouse=True)
def _no_habits() -> None:
    """Another test's destinations had the same keys."""
    crew._habits.clear()


@pytest.fixture
def store(home: Environment, rung: list[int]) -> Store:
    """Store an instance with its file, as the index leaves it."""
    series: list[Series] = []

    def make(*, data: bytes | None = None, modality: bytes = b"CT", **columns: Any) -> Instance:
        if not series:
            series.append(SeriesFactory.create())
        uid = str(generate_uid())
        content = data_set(sop_instance_uid=uid.encode(), modality=modality) if data is None else data
        file = part10(content, sop_instance_uid=uid, sop_class_uid=columns.get("sop_class_uid", data_class()))
        path = Path(hot_storage().path(f"{uid}.dcm"))
        path.write_bytes(file)
        return InstanceFactory.create(
            series=series[0],
            sop_instance_uid=uid,
            location=path.name,
            size_bytes=len(file),
            data_set_offset=len(file) - len(content),
            **columns,
        )

    return make


def data_class() -> str:
    """The SOP Class of what tests store."""
    return "1.2.840.10008.5.1.4.1.1.2"
