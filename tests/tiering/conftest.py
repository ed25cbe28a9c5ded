"""Stored studies, and locations that they may go to."""

from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from gateway.env import Environment
from studies.models import Instance, Study, Tier
from tests.retrieving import keep_study
from tiering.models import Location
from tiering.stores.folder import FolderStore


@pytest.fixture(autouse=True)
def tiers(home: Environment, settings: Settings) -> None:
    """Nothing is waited for before what was left is removed."""
    settings.GANTRY = replace(settings.GANTRY, tier_grace_seconds=0)


@pytest.fixture
def cold(tmp_path: Path) -> Location:
    """A folder of the cold tier."""
    return folder_location(tmp_path, "cold", Tier.COLD)


@pytest.fixture
def archive(tmp_path: Path) -> Location:
    """A folder of the archive tier."""
    return folder_location(tmp_path, "archive", Tier.ARCHIVE)


@pytest.fixture
def study() -> Study:
    """Two series of three instances, that every rule has decided on."""
    keep_study(series=2, instances=3)
    Instance.objects.update(planned_at="2026-01-01T00:00:00Z")
    return Study.objects.get()


def folder_location(tmp_path: Path, name: str, tier: str) -> Location:
    folder = tmp_path / name
    folder.mkdir()
    return Location.objects.create(name=name, tier=tier, path=str(folder))


def objects_of(location: Location) -> list[Path]:
    """Files of a folder location."""
    return [Path(location.path, key) for key, _ in FolderStore(Path(location.path), location.name).objects()]
