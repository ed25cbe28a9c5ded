"""S3: one object for each instance, checked by its SHA-256, against a real service and against one that misbehaves."""

import base64
import hashlib
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from pytest_django import Settings

from dicomnet.part10 import read_file_meta
from dicomnet.web import s3 as s3_calls
from routing.batch import Batch
from routing.deliver import drive
from routing.models import Delivery, DeliveryState, Destination, DestinationKind
from routing.transports import s3
from routing.transports.outcome import Outcome, PeerLost
from routing.transports.place import Place
from tests.corpus import data_set_bytes
from tests.http_peer import Reply, Request, http_peer
from tests.peers import refused_port, silent_port
from tests.routing.transports.conftest import Make, destination_of, file_of, with_secret
from tests.s3_server import s3_server

# What a destination does is no matter of the database.
pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]
BUCKET = "images"


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def client(service: str) -> Any:
    """The test's own view of the service, with its bucket empty."""
    found = boto3.client(
        "s3",
        endpoint_url=service,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )
    found.create_bucket(Bucket=BUCKET)
    for entry in found.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        found.delete_object(Bucket=BUCKET, Key=entry["Key"])
    yield found
    found.close()


def destination_at(url: str, **columns: Any) -> Destination:
    values = {"url": url, "bucket": BUCKET, "username": "AKIA", "path": ""} | columns
    return with_secret(destination_of(DestinationKind.S3, **values), "a secret key")


@pytest.fixture
def destination(service: str, client: Any) -> Destination:
    return destination_at(service, path="radiology/ct")


def send(destination: Destination, deliveries: list[Delivery]) -> list[Outcome]:
    return list(s3.send(destination, Batch(deliveries)))


def key_of(delivery: Delivery, prefix: str = "radiology/ct/") -> str:
    return f"{prefix}1.2.3.4/1.2.3.4.5/{delivery.instance.sop_instance_uid}.dcm"


def keys(client: Any) -> set[str]:
    return {entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


class TestService:
    def test_an_object_under_its_uids(self, deliveries: Make, destination: Destination, client: Any) -> None:
        made = deliveries(destination, 2)

        outcomes = send(destination, made)

        assert [outcome.status for outcome in outcomes] == [0, 0]
        assert keys(client) == {key_of(delivery) for delivery in made}
        found = client.get_object(Bucket=BUCKET, Key=key_of(made[0]))
        content = found["Body"].read()
        stored = data_set_bytes(file_of(made[0].instance))
        assert content.endswith(stored)
        assert found["ContentType"] == "application/dicom"
        assert found["Metadata"] == {"sha256": hashlib.sha256(content).hexdigest()}

    def test_without_a_prefix(self, deliveries: Make, service: str, client: Any) -> None:
        destination = destination_at(service)
        made = deliveries(destination)
        send(destination, made)
        assert keys(client) == {key_of(made[0], "")}

    def test_the_same_again_is_done_and_not_sent(self, deliveries: Make, destination: Destination, client: Any) -> None:
        made = deliveries(destination)
        send(destination, made)
        before = client.head_object(Bucket=BUCKET, Key=key_of(made[0]))

        (outcome,) = send(destination, made)

        assert outcome.is_delivered
        assert client.head_object(Bucket=BUCKET, Key=key_of(made[0]))["LastModified"] == before["LastModified"]
        assert keys(client) == {key_of(made[0])}

    def test_another_content_gets_a_name_of_its_own(
        self, deliveries: Make, destination: Destination, client: Any
    ) -> None:
        made = deliveries(destination)
        client.put_object(Bucket=BUCKET, Key=key_of(made[0]), Body=b"somebody else's")

        for _ in range(2):
            assert send(destination, made)[0].is_delivered

        assert client.get_object(Bucket=BUCKET, Key=key_of(made[0]))["Body"].read() == b"somebody else's"
        (other,) = keys(client) - {key_of(made[0])}
        digest = hashlib.sha256(client.get_object(Bucket=BUCKET, Key=other)["Body"].read()).hexdigest()
        assert other == key_of(made[0]).replace(".dcm", f"-{digest[:16]}.dcm")

    def test_a_large_object_goes_in_parts_and_memory_stays_flat(
        self, deliveries: Make, destination: Destination, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3, "PART_BYTES", 8 << 20)
        (delivery,) = deliveries(destination)
        size = 50_000_001
        with file_of(delivery.instance).open("r+b") as file:
            file.truncate(size)
        delivery.instance.size_bytes = size
        monkeypatch.setattr(s3, "place_of", lambda _: Place("1.2.3.4", "1.2.3.4.5", "9.9"))
        send(destination, deliveries(destination))  # loads the library
        client.delete_object(Bucket=BUCKET, Key="radiology/ct/1.2.3.4/1.2.3.4.5/9.9.dcm")
        tracemalloc.start()
        (outcome,) = send(destination, [delivery])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert outcome.is_delivered
        found = client.get_object(Bucket=BUCKET, Key="radiology/ct/1.2.3.4/1.2.3.4.5/9.9.dcm")
        content = found["Body"].read()
        assert found["Metadata"]["sha256"] == hashlib.sha256(content).hexdigest()
        assert content.endswith(file_of(delivery.instance).read_bytes()[delivery.instance.data_set_offset :])
        assert client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []
        assert peak < 8 << 20
        assert send(destination, [delivery])[0].is_delivered

    def test_nothing_of_where_it_came_from(self, deliveries: Make, destination: Destination, client: Any) -> None:
        made = deliveries(destination)
        send(destination, made)
        content = client.get_object(Bucket=BUCKET, Key=key_of(made[0]))["Body"].read()
        path = file_of(made[0].instance).with_name("got.dcm")
        path.write_bytes(content)
        with path.open("rb") as file:
            meta = read_file_meta(file)
        assert set(meta.elements) & {0x0016, 0x0017, 0x0018, 0x0100, 0x0102} == set()
        assert content[:132] == bytes(128) + b"DICM"

    def test_no_such_bucket(self, deliveries: Make, service: str, client: Any) -> None:
        destination = destination_at(service, bucket="nowhere")
        with pytest.raises(PeerLost, match="NoSuchBucket: there is no such bucket") as lost:
            send(destination, deliveries(destination))
        assert lost.value.during == ()

    def test_a_lane(self, deliveries: Make, destination: Destination) -> None:
        deliveries(destination, 3, attempts=0)
        assert drive(destination.pk) == 3
        assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}


def error(status: int, code: str) -> Reply:
    return Reply(
        status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>secret key</Message></Error>".encode()
    )


def only_puts(reply: Reply) -> Any:
    return lambda request: Reply(404) if request.method == "HEAD" else reply


class TestOddAnswers:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (403, "AccessDenied"),
            (403, "InvalidAccessKeyId"),
            (403, "SignatureDoesNotMatch"),
            (403, "SomethingNew"),
            (404, "NoSuchBucket"),
            (301, "PermanentRedirect"),
            (307, "TemporaryRedirect"),
            (400, "AuthorizationHeaderMalformed"),
            (503, "SlowDown"),
            (503, "ServiceUnavailable"),
            (429, "TooManyRequests"),
            (507, "XMinioStorageFull"),
        ],
    )
    def test_what_is_the_destinations_fault(self, deliveries: Make, status: int, code: str) -> None:
        with http_peer(only_puts(error(status, code))) as peer:
            destination = destination_at(peer.url)
            with pytest.raises(PeerLost, match=code) as lost:
                send(destination, deliveries(destination))
        assert lost.value.during == ()
        assert "secret" not in str(lost.value).replace("secret key is not that", "")

    @pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (502, "BadGateway")])
    def test_what_may_be_the_objects_fault(self, deliveries: Make, status: int, code: str) -> None:
        with http_peer(only_puts(error(status, code))) as peer:
            destination = destination_at(peer.url)
            made = deliveries(destination)
            with pytest.raises(PeerLost) as lost:
                send(destination, made)
        assert lost.value.during == tuple(made)

    @pytest.mark.parametrize(
        ("status", "code", "is_permanent"),
        [
            (400, "BadDigest", False),
            (400, "XAmzContentSHA256Mismatch", False),
            (400, "EntityTooLarge", True),
            (412, "PreconditionFailed", False),
            (400, "SomethingNew", False),
        ],
    )
    def test_what_is_one_objects_fault(self, deliveries: Make, status: int, code: str, is_permanent: bool) -> None:
        with http_peer(only_puts(error(status, code))) as peer:
            destination = destination_at(peer.url)
            first, second = send(destination, deliveries(destination, 2))
        assert (first.is_delivered, first.is_permanent) == (False, is_permanent)
        assert first.error.startswith(code)
        assert second.error == first.error

    def test_no_permission_to_look(self, deliveries: Make) -> None:
        with http_peer(lambda _: Reply(403)) as peer:
            destination = destination_at(peer.url)
            with pytest.raises(PeerLost, match="AccessDenied: the access key may not do this"):
                send(destination, deliveries(destination))

    def test_a_service_that_names_another_checksum(self, deliveries: Make) -> None:
        with http_peer(only_puts(Reply(200, headers={"x-amz-checksum-sha256": "AAAA"}))) as peer:
            destination = destination_at(peer.url)
            (outcome,) = send(destination, deliveries(destination))
        assert "arrived damaged" in outcome.error
        assert not outcome.is_permanent

    @pytest.mark.parametrize(("kept", "is_delivered"), [(True, True), (False, False)])
    def test_a_service_that_names_none_is_asked_for_the_size(
        self, deliveries: Make, kept: bool, is_delivered: bool
    ) -> None:
        put: list[Request] = []

        def answer(request: Request) -> Reply:
            if request.method == "PUT":
                put.append(request)
                return Reply(200)
            return Reply(200, b"x" * (put[-1].body_bytes if kept else 7)) if put else Reply(404)

        with http_peer(answer) as peer:
            destination = destination_at(peer.url)
            (outcome,) = send(destination, deliveries(destination))
        assert outcome.is_delivered is is_delivered

    def test_a_service_that_knows_no_conditions_is_asked_without(self, deliveries: Make) -> None:
        def answer(request: Request) -> Reply:
            if request.method == "HEAD":
                return Reply(404)
            if "if-none-match" in request.headers:
                return error(501, "NotImplemented")
            return Reply(200, headers={"x-amz-checksum-sha256": request.headers["x-amz-checksum-sha256"]})

        with http_peer(answer) as peer:
            destination = destination_at(peer.url)
            (outcome,) = send(destination, deliveries(destination))
        assert outcome.is_delivered
        assert [len(request.body) > 0 for request in peer.requests] == [False, True, True]
        assert peer.requests[1].body == peer.requests[2].body

    def test_each_request_is_signed_and_its_content_too(self, deliveries: Make) -> None:
        with http_peer(only_puts(error(400, "BadDigest"))) as peer:
            destination = destination_at(peer.url)
            send(destination, deliveries(destination))
        head, put = peer.requests
        assert "Credential=AKIA/" in head.headers["authorization"]
        digest = hashlib.sha256(put.body)
        assert put.headers["x-amz-content-sha256"] == digest.hexdigest()
        assert put.headers["x-amz-checksum-sha256"] == base64.b64encode(digest.digest()).decode()
        assert put.headers["if-none-match"] == "*"
        assert put.path.startswith(f"/{BUCKET}/1.2.3.4/")

    def test_parts_that_fail_are_given_up(self, deliveries: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(s3, "PART_BYTES", 200)

        def answer(request: Request) -> Reply:
            if request.method == "HEAD":
                return Reply(404)
            if request.method == "POST":
                upload = b"<InitiateMultipartUploadResult><UploadId>U1</UploadId></InitiateMultipartUploadResult>"
                return Reply(200, upload)
            return Reply(204) if request.method == "DELETE" else error(503, "SlowDown")

        with http_peer(answer) as peer:
            destination = destination_at(peer.url)
            with pytest.raises(PeerLost, match="SlowDown"):
                send(destination, deliveries(destination))
        assert [request.method for request in peer.requests] == ["HEAD", "POST", "PUT", "DELETE"]
        assert "uploadId=U1" in peer.requests[-1].path

    def test_the_machines_own_configuration_is_not_used(
        self, deliveries: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "missing")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{refused_port()}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refused_port()}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHER")
        s3_calls._session.cache_clear()
        with http_peer(only_puts(error(400, "BadDigest"))) as peer:
            destination = destination_at(peer.url)
            send(destination, deliveries(destination))
        assert "Credential=AKIA/" in peer.requests[0].headers["authorization"]


class TestNoAnswer:
    def test_nobody_there(self, deliveries: Make) -> None:
        destination = destination_at(f"http://127.0.0.1:{refused_port()}")
        with pytest.raises(PeerLost, match="nobody listens there") as lost:
            send(destination, deliveries(destination))
        assert lost.value.during == ()

    def test_silence_ends(self, deliveries: Make) -> None:
        with silent_port() as port:
            destination = destination_at(f"http://127.0.0.1:{port}", timeout_seconds=1)
            with pytest.raises(PeerLost, match="did not answer in time"):
                send(destination, deliveries(destination))

    def test_a_lost_key(self, deliveries: Make, settings: Settings) -> None:
        destination = destination_at("http://10.1.2.3")
        settings.GANTRY = replace(settings.GANTRY, encryption_keys=("another key of 32 characters or so",))
        with pytest.raises(PeerLost, match="put that key back"):
            send(destination, deliveries(destination))


def test_a_stored_file_that_is_gone(deliveries: Make, destination: Destination) -> None:
    gone, kept = deliveries(destination, 2)
    file_of(gone.instance).unlink()
    outcomes = send(destination, [gone, kept])
    assert outcomes[0].error == "the stored file cannot be read: No such file or directory"
    assert outcomes[1].is_delivered
