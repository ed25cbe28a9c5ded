"""This archive as studies are brought to it: its spool, its index at work, and real archives that have them."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from gateway.env import Environment
from tests.spanner.at_work import indexing
from tests.spanner.fetch.holding import own_port


@pytest.fixture(autouse=True)
def archive(home: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Takes instances in and indexes them, as its processes do."""
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    monkeypatch.setattr("studies.dimse._doorbell.ring", lambda: None)
    with indexing():
        yield


@pytest.fixture
def port() -> int:
    """Where this archive listens when it does."""
    return own_port()
