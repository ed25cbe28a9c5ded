"""This archive as studies are brought to it: its spool, its index at work, and real archives that have them."""

import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import Settings

from gateway.env import Environment
from spanner.events import fetches_due
from studies.dimse import local_spool
from studies.events import instances_indexed
from studies.index import index_spool
from tests.spanner.fetch.holding import own_port


@pytest.fixture(autouse=True)
def archive(home: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Takes instances in and indexes them, as its processes do."""
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    monkeypatch.setattr("studies.dimse._doorbell.ring", lambda: None)
    stop = threading.Event()

    def index() -> None:
        while not stop.wait(0.02):
            index_spool(local_spool())
        connection.close()

    local_spool()
    kept = {signal: signal.receivers for signal in (fetches_due, instances_indexed)}
    for signal in kept:
        signal.receivers = []
        signal.sender_receivers_cache.clear()
    thread = threading.Thread(target=index, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()
    for signal, receivers in kept.items():
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


@pytest.fixture
def port() -> int:
    """Where this archive listens when it does."""
    return own_port()
