"""Stored studies, and locations that they may go to."""

from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from gateway.env import Environment
from studies import wanted
from studies.lately import Lately
from studies.models import Instance, Study, Tier
from tests.retrieving import keep_study
from tiering.models import Location
from tiering.stores.folder import FolderStore


@pytest.fixture(autouse=True)
def tiers(home: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for before what was left is removed, and who wants to read is heard each time."""
    monkeypatch.setattr(wanted, "asked", Lately(0))
    settings.GANTRY = replace(settings.GANTRY, tier_grace_seconds=0)


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another disk than Gantry's own."""
    return tmp_path_factory.mktemp("disk")


@pytest.fixture
def cold(elsewhere: Path) -> Location:
    """A folder of the cold tier."""
    return folder_location(elsewhere, "cold", Tier.COLD)


@pytest.fixture
def archive(elsewhere: Path) -> Location:
    """A folder of the archive tier."""
    return folder_location(elsewhere, "archive", Tier.ARCHIVE)


@pytest.fixture
def study() -> Study:
    """Two series of three instances, complete, that every rule has decided on."""
    keep_study(series=2, instances=3)
    Instance.objects.update(planned_at="2026-01-01T00:00:00Z")
    Study.objects.update(completed_at="2026-01-01T00:00:00Z")
    return Study.objects.get()


def folder_location(disk: Path, name: str, tier: str) -> Location:
    folder = disk / name
    folder.mkdir()
    return Location.objects.create(name=name, tier=tier, path=str(folder))


def objects_of(location: Location) -> list[Path]:
    """Files of a folder location."""
    return [Path(location.path, key) for key, _ in FolderStore(Path(location.path), location.name).objects()]
