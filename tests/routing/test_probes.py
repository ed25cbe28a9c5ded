"""Echo of a DICOMweb service, a folder and a bucket: whether it would take instances, and what to change if not."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dicomnet.scu.echo import EchoOutcome
from dicomnet.web.sign_in import HttpAuthentication
from routing.destinations import echo_destination
from routing.models import Destination, DestinationKind
from tests.http_peer import Reply, Request, http_peer
from tests.peers import refused_port
from tests.routing.transports.conftest import destination_of, stow_at, with_secret
from tests.s3_server import s3_server

pytestmark = pytest.mark.django_db


class TestStow:
    def echo(self, status: int, **columns: Any) -> tuple[EchoOutcome, Request]:
        with http_peer(lambda _: Reply(status, b"x" * 100_000)) as peer:
            outcome = echo_destination(stow_at(f"{peer.url}/dicom-web", **columns))
        return outcome, peer.requests[0]

    def test_answered(self) -> None:
        outcome, request = self.echo(200, authentication=HttpAuthentication.BEARER, secret="abc")
        assert (outcome.is_alive, outcome.words) == (True, "Answers (HTTP 200)")
        assert outcome.milliseconds > 0
        assert (request.method, request.path) == ("GET", "/dicom-web/studies?limit=1")
        assert request.headers["authorization"] == "Bearer abc"

    @pytest.mark.parametrize("status", [400, 405, 406, 501])
    def test_a_service_without_queries(self, status: int) -> None:
        outcome, _ = self.echo(status)
        assert outcome.is_alive
        assert "the first delivery shows" in outcome.words

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (401, "correct how Gantry signs in"),
            (403, "does not let Gantry"),
            (404, "no STOW-RS service at this address"),
            (302, "not followed"),
            (500, "the server failed"),
            (503, "not available now"),
        ],
    )
    def test_what_to_change(self, status: int, words: str) -> None:
        outcome, _ = self.echo(status)
        assert not outcome.is_alive
        assert words in outcome.words

    def test_nobody_there(self) -> None:
        outcome = echo_destination(stow_at(f"http://127.0.0.1:{refused_port()}"))
        assert not outcome.is_alive
        assert "nobody listens there" in outcome.words


class TestFolder:
    @pytest.fixture
    def base(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("share")

    def test_writable(self, base: Path) -> None:
        outcome = echo_destination(destination_of(DestinationKind.FOLDER, path=str(base)))
        assert outcome.is_alive
        assert outcome.words.startswith("Writable, ")
        assert outcome.words.endswith(" GB free")
        assert list(base.iterdir()) == []

    def test_not_there(self, base: Path) -> None:
        outcome = echo_destination(destination_of(DestinationKind.FOLDER, path=str(base / "none")))
        assert (outcome.is_alive, "is its share mounted" in outcome.words) == (False, True)

    def test_full(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*args: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("routing.probes.os.fsync", full)
        outcome = echo_destination(destination_of(DestinationKind.FOLDER, path=str(base)))
        assert (outcome.is_alive, "its disk is full" in outcome.words) == (False, True)
        assert os.listdir(base) == []


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with s3_server() as url:
        yield url


class TestS3:
    def destination(self, url: str) -> Destination:
        columns = {"url": url, "bucket": "images", "username": "AKIA", "path": "ct"}
        return with_secret(destination_of(DestinationKind.S3, **columns), "key")

    def test_no_bucket_and_then_one(self, service: str) -> None:
        import boto3

        destination = self.destination(service)
        assert "There is no bucket “images”" in echo_destination(destination).words
        client = boto3.client(
            "s3", endpoint_url=service, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
        )
        client.create_bucket(Bucket="images")

        outcome = echo_destination(destination)

        assert (outcome.is_alive, outcome.words) == (True, "The bucket is there and takes uploads")
        assert client.list_multipart_uploads(Bucket="images").get("Uploads", []) == []
        assert "Contents" not in client.list_objects_v2(Bucket="images")
        client.close()

    def test_a_key_that_may_only_look(self) -> None:
        def answer(request: Request) -> Reply:
            denied = b"<Error><Code>AccessDenied</Code></Error>"
            return Reply(200) if request.method == "HEAD" else Reply(403, denied)

        with http_peer(answer) as peer:
            outcome = echo_destination(self.destination(peer.url))
        assert not outcome.is_alive
        assert "allow s3:PutObject" in outcome.words
