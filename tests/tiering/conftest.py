"""Stored studies, and locations that they may go to."""

from dataclasses import replace
from pathlib import Path
from tarfile import BLOCKSIZE
from typing import Any

import pytest
from pytest_django import Settings

from gateway.env import Environment
from studies import wanted
from studies.lately import Lately
from studies.models import Instance, Study, Tier
from tests.retrieving import keep_study
from tiering import contents
from tiering.contents import read_tar
from tiering.keys import FOLDER
from tiering.models import Location, Pack
from tiering.pace import Pacer
from tiering.stores.folder import FolderStore

Way = dict[str, Any]
WAYS: dict[str, Way] = {
    "plain": {},
    "compressed": {"compression": "zstd"},
    "encrypted": {"is_encrypted": True},
    "both": {"compression": "zstd", "is_encrypted": True},
}
every_way = pytest.mark.parametrize("way", list(WAYS), indirect=True)


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
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Way:
    """How packs are written; in chunks of one block, so that no two instances share one."""
    monkeypatch.setattr(contents, "CHUNK_BYTES", BLOCKSIZE)
    return WAYS[getattr(request, "param", "plain")]


@pytest.fixture
def cold(elsewhere: Path, way: Way) -> Location:
    """A folder of the cold tier."""
    return folder_location(elsewhere, "cold", Tier.COLD, **way)


@pytest.fixture
def archive(elsewhere: Path, way: Way) -> Location:
    """A folder of the archive tier."""
    return folder_location(elsewhere, "archive", Tier.ARCHIVE, **way)


@pytest.fixture
def study() -> Study:
    """Two series of three instances, complete, that every rule has decided on."""
    keep_study(series=2, instances=3)
    Instance.objects.update(planned_at="2026-01-01T00:00:00Z")
    Study.objects.update(completed_at="2026-01-01T00:00:00Z")
    return Study.objects.get()


def folder_location(disk: Path, name: str, tier: str, **more: Any) -> Location:
    folder = disk / name
    folder.mkdir()
    return Location.objects.create(name=name, tier=tier, path=str(folder), **more)


def objects_of(location: Location) -> list[Path]:
    """Packs of a folder location."""
    store = FolderStore(Path(location.path), location.name)
    return [Path(location.path, key) for key, _ in store.objects() if not key.startswith(FOLDER)]


def tar_of(pack: Pack) -> bytes:
    """What a pack holds."""
    return b"".join(read_tar(pack, Pacer()))
