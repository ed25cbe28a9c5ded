"""Fixtures that every app's tests share."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from gateway.audit.guard import unguard
from gateway.env import Environment
from studies.dimse import local_spool
from tests import stock_client
from tests.peers import Listener, gantry


def pytest_configure(config: pytest.Config) -> None:
    """Let pynetdicom drop the socket of a peer that left: it is closed with its last reference, at any moment."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")
    stock_client.mend()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the whole fault run unless it is asked for, and on PostgreSQL what never asks a database.

    A seeded sample of the faults is always there; what needs no database has passed or failed on SQLite.
    """
    left_out = set[pytest.Item]()
    if "faults" not in config.option.markexpr:
        left_out |= {item for item in items if item.get_closest_marker("faults")}
    if connection.vendor == "postgresql":
        left_out |= {item for item in items if not _uses_database(item)}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _uses_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    in_process = item.get_closest_marker("django_db") or not {"db", "transactional_db"}.isdisjoint(fixtures)
    return bool(in_process or item.get_closest_marker("journey"))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The test database without the triggers of the audit trail, which would refuse to have it emptied between tests.

    Tests of the audit trail make them again for themselves.
    """
    with django_db_blocker.unblock():
        unguard(connection)


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Iterator[Environment]:
    """An installation of the test's own: spool and hot store under its temporary folder."""
    settings.GANTRY = replace(settings.GANTRY, home=tmp_path, storage=tmp_path / "hot", spool_high_percent=100)
    settings.STORAGES = settings.STORAGES | {
        "dicom": {"BACKEND": "studies.storage.HotStorage", "OPTIONS": {"location": settings.GANTRY.storage}}
    }
    (tmp_path / "hot").mkdir()
    settings.GANTRY.run_dir.mkdir()
    local_spool.cache_clear()
    yield settings.GANTRY
    local_spool.cache_clear()


@pytest.fixture
def listener(
    home: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Listener]:
    """The real listener with the archive behind it; anybody on loopback may echo and store.

    A parameter is the percent of the spool's disk in use from which on nothing is taken.
    """
    settings.GANTRY = replace(settings.GANTRY, spool_high_percent=getattr(request, "param", 100))
    monkeypatch.setattr("studies.suspicion.PROBE_SECONDS", 0.5)
    rung: list[str] = []
    monkeypatch.setattr("studies.dimse._doorbell.ring", lambda: rung.append("rung"))
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    settings.DICOM_SERVICES_BY_TITLE = ""  # an archive alone, which asks no database for further titles
    with gantry() as port:
        yield Listener(port, local_spool(), rung)
