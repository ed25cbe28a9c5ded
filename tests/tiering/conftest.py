"""Stored studies, and locations that they may go to."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tarfile import BLOCKSIZE
from typing import Any

import boto3
import pytest
from pytest_django import Settings

from dicomnet.web.secrets import seal
from gateway.env import Environment
from studies import wanted
from studies.lately import Lately
from studies.models import Instance, Study, Tier
from tests.retrieving import keep_study
from tests.s3_server import s3_server
from tests.tiering.bad_s3 import BadS3, bad_s3
from tiering import contents
from tiering.contents import read_tar
from tiering.keys import FOLDER
from tiering.models import Location, LocationKind, Pack
from tiering.pace import Pacer
from tiering.stores import patience
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


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of an S3 service."""
    with s3_server() as url:
        yield url


@pytest.fixture
def proxy(service: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[BadS3]:
    """What stands before it, and can be told to misbehave."""
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.001)
    with bad_s3(service) as found:
        yield found


@pytest.fixture
def outside(service: str) -> Iterator[Any]:
    """The test's own view of the service, past the proxy; its bucket is empty."""
    found = boto3.client("s3", endpoint_url=service, aws_access_key_id="k", aws_secret_access_key="s")
    found.create_bucket(Bucket="images")
    for entry in found.list_objects_v2(Bucket="images").get("Contents", []):
        found.delete_object(Bucket="images", Key=entry["Key"])
    yield found
    found.close()


@pytest.fixture
def cloud(proxy: BadS3, outside: Any) -> Location:
    """A bucket of the archive tier."""
    return Location.objects.create(
        name="Cloud", tier=Tier.ARCHIVE, kind=LocationKind.S3, bucket="images", endpoint_url=proxy.url,
        access_key="k", secret_key=seal("s", place=proxy.url), timeout_seconds=3,
    )  # fmt: skip


def keys(outside: Any) -> list[str]:
    """Names of the objects in the bucket."""
    return [entry["Key"] for entry in outside.list_objects_v2(Bucket="images").get("Contents", [])]


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
