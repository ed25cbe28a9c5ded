"""Both kinds of location keep objects, and say in words what is wrong with them."""

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from dicomnet.web.secrets import seal
from studies.models import Tier
from tests.s3_server import s3_server
from tiering.errors import ObjectGone, StoreError
from tiering.models import Location, LocationKind
from tiering.stores import s3
from tiering.stores.choose import open_store
from tiering.stores.folder import FolderStore
from tiering.stores.store import Store

pytestmark = [pytest.mark.embedded, pytest.mark.django_db]
KEY = "1.2.3/4.5/01KAJ.tar"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


def bucket(endpoint: str, name: str = "images") -> Location:
    boto3.client("s3", endpoint_url=endpoint, aws_access_key_id="k", aws_secret_access_key="s").create_bucket(
        Bucket="images"
    )
    place = endpoint.replace("localhost", "127.0.0.1")
    return Location.objects.create(
        name="Cloud", tier=Tier.ARCHIVE, kind=LocationKind.S3, bucket=name, endpoint_url=endpoint, path="gantry",
        access_key="k", secret_key=seal("s", place=place),
    )  # fmt: skip


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "bucket":
        return open_store(bucket(request.getfixturevalue("endpoint")))
    return open_store(Location.objects.create(name="Disk", tier=Tier.COLD, path=str(tmp_path)))


class TestBoth:
    def test_what_a_broken_off_write_left_is_cleared(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        if isinstance(store, s3.BucketStore):
            monkeypatch.setattr(
                store, "_write_parts", lambda client, key, _: client.create_multipart_upload(**store.of(key))
            )
            store.write(KEY, [bytes(s3.PART_BYTES), b"more"])
        else:
            assert isinstance(store, FolderStore)
            part = store._part(KEY)
            part.parent.mkdir(parents=True)
            part.write_bytes(b"half")

        store.clear(KEY)

        assert list(store.objects()) == []
        if isinstance(store, s3.BucketStore):
            with store.client() as client:
                assert not client.list_multipart_uploads(Bucket="images").get("Uploads")
        store.clear(KEY)  # nothing left is no error

    @pytest.mark.parametrize("size", [0, 1, 1000, (5 << 20) + 7])
    def test_what_was_written_is_read(self, store: Store, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
        monkeypatch.setattr(s3, "RANGE_BYTES", 2 << 20)
        content = os.urandom(size)
        pieces = (content[start : start + 100_000] for start in range(0, size, 100_000))

        assert store.write(KEY, pieces) == size

        assert store.size(KEY) == size
        assert b"".join(store.read(KEY)) == content
        assert b"".join(store.read(KEY, 10, 500)) == content[10:510]
        assert list(store.objects()) == [(KEY, size)]
        store.remove(KEY)
        store.remove(KEY)
        assert store.size(KEY) is None
        assert list(store.objects()) == []

    def test_what_is_gone(self, store: Store) -> None:
        with pytest.raises(ObjectGone, match="does not have it"):
            list(store.read(KEY))

    def test_written_again_takes_the_place(self, store: Store) -> None:
        store.write(KEY, [b"old"])
        store.write(KEY, [b"new!"])
        assert b"".join(store.read(KEY)) == b"new!"

    @pytest.mark.parametrize("before", [0, 6 << 20])
    def test_broken_off_leaves_no_object(self, store: Store, before: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)

        def pieces() -> Iterator[bytes]:
            yield bytes(before)
            yield bytes(before)
            raise InterruptedError

        with pytest.raises((InterruptedError, StoreError)):
            store.write("new.tar", pieces())
        assert store.size("new.tar") is None


def test_a_bucket_that_is_missing(endpoint: str) -> None:
    store = open_store(bucket(endpoint, name="nowhere"))
    for act in (lambda: store.write(KEY, [b"x"]), lambda: store.size(KEY), lambda: list(store.read(KEY))):
        with pytest.raises(StoreError, match="no such bucket"):
            act()


def test_a_service_that_does_not_answer() -> None:
    location = Location(name="Cloud", tier=Tier.ARCHIVE, kind=LocationKind.S3, bucket="b")
    location.endpoint_url, location.access_key = "http://127.0.0.1:9", "k"
    location.secret_key = seal("s", place="http://127.0.0.1:9")
    with pytest.raises(StoreError, match="nobody listens there"):
        open_store(location).write(KEY, [b"x"])


def test_a_key_that_was_entered_for_another_address(endpoint: str) -> None:
    location = bucket(endpoint)
    location.secret_key = seal("s", place="https://elsewhere.example:443")
    with pytest.raises(StoreError, match="entered for another address"):
        open_store(location).size(KEY)


def test_a_folder_whose_disk_is_not_mounted(tmp_path: Path) -> None:
    store = open_store(Location(name="Disk", tier=Tier.COLD, path=str(tmp_path / "gone")))
    for act in (lambda: store.write(KEY, [b"x"]), lambda: store.size(KEY), lambda: list(store.objects())):
        with pytest.raises(StoreError, match="is its disk mounted"):
            act()
