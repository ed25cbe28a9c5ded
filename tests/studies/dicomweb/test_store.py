"""STOW-RS: by the checks of C-STORE, answered when durable, with a reason for what is not (PS3.18 10.5)."""

import os
from pathlib import Path

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.env import Environment
from studies.dicomweb.multipart_reader import BadMultipart, MultipartReader
from studies.index import index_spool
from studies.models import Instance
from studies.spool import Spool
from tests.api_clients import client_of, key_client
from tests.corpus import data_set, part10
from tests.studies.dicomweb.archive import sample

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bells")]
FAILED, REFERENCED, OTHERS, REASON = "00081198", "00081199", "0008119A", "00081197"
BOUNDARY = "b0undary"


def multipart(*contents: bytes, head: bytes = b"Content-Type: application/dicom", end: bytes = b"--\r\n") -> bytes:
    parts = [b"--" + BOUNDARY.encode() + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for content in contents]
    return b"".join(parts) + b"--" + BOUNDARY.encode() + end


def instance(uid: str, **more: bytes | None) -> bytes:
    return part10(data_set(sop_instance_uid=uid.encode(), **more), sop_instance_uid=uid)  # type: ignore[arg-type]


def post(client: Client, body: bytes, *, study: str = "", kind: str = "application/dicom", boundary: str = BOUNDARY):  # type: ignore[no-untyped-def]
    content_type = f'multipart/related; type="{kind}"; boundary={boundary}'
    address = f"/dicom-web/studies/{study}" if study else "/dicom-web/studies"
    return client.generic("POST", address, body, content_type=content_type)


@pytest.fixture
def client(spool: Spool) -> Client:
    return key_client("operator")


def test_what_is_stored_is_durable_indexed_and_says_whom_it_came_from(spool: Spool, client: Client) -> None:
    response = post(client, multipart(instance("1.2.1"), instance("1.2.2")))

    assert response.status_code == 200, response.content
    found = response.json()
    url = "http://testserver/dicom-web/studies/1.2.3.4/series/1.2.3.4.5/instances/1.2.1"
    assert found[REFERENCED]["Value"][0]["00081190"]["Value"] == [url]
    assert [each["00081155"]["Value"] for each in found[REFERENCED]["Value"]] == [["1.2.1"], ["1.2.2"]]
    assert len(list(spool.waiting())) == 2
    index_spool(spool)
    row = Instance.objects.get(sop_instance_uid="1.2.1")
    assert (row.calling_ae_title, row.called_ae_title, row.source_address) == (
        "STOW:test progra",
        "GANTRY",
        "127.0.0.1",
    )


REFUSED = [
    ("no file", b"nothing", OTHERS, 0xC000),
    ("empty part", b"", OTHERS, 0xC000),
    ("no data set", part10(b"", sop_instance_uid="1.2.9"), FAILED, 0xC000),
    ("no study", instance("1.2.9", study_instance_uid=None), FAILED, 0xC000),
    ("other instance", part10(data_set(sop_instance_uid=b"1.2.8"), sop_instance_uid="1.2.9"), FAILED, 0xA900),
    ("cut off", instance("1.2.9")[:-3], FAILED, 0xC000),
    (
        "unknown transfer syntax",
        part10(data_set(sop_instance_uid=b"1.2.9"), sop_instance_uid="1.2.9", transfer_syntax_uid="1.2.3"),
        FAILED,
        0xC122,
    ),
]


@pytest.mark.parametrize(("content", "where", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_each_refusal_has_its_reason(spool: Spool, client: Client, content: bytes, where: str, reason: int) -> None:
    alone = post(client, multipart(content))
    beside = post(client, multipart(content, instance("1.2.1")))

    assert (alone.status_code, beside.status_code) == (409, 202)
    for response in (alone, beside):
        assert [each[REASON]["Value"] for each in response.json()[where]["Value"]] == [[reason]]
    assert len(beside.json()[REFERENCED]["Value"]) == 1
    assert len(list(spool.waiting())) == 1


def test_an_instance_of_another_study_than_the_address_is_refused(spool: Spool, client: Client) -> None:
    assert post(client, multipart(instance("1.2.1")), study="1.2.3.4").status_code == 200
    other = post(client, multipart(instance("1.2.2")), study="1.2.3.99")
    assert (other.status_code, other.json()[FAILED]["Value"][0][REASON]["Value"]) == (409, [0xA900])


GOOD = instance("1.2.1")
MALFORMED = [
    ("empty", b"", 400),
    ("only the end", multipart(), 400),
    ("no delimiter", GOOD, 400),
    ("long preamble", b"x" * 70_000 + multipart(GOOD), 400),
    ("cut off", multipart(GOOD)[:-12], 400),
    ("cut in a head", multipart(GOOD)[:30], 400),
    ("head without an end", b"--b0undary\r\n" + b"a: b\r\n" * 20_000, 400),
    ("endless header", b"--b0undary\r\nContent-Type: " + b"x" * 100_000, 400),
    ("header that is none", b"--b0undary\r\nno colon\r\n\r\nabc\r\n--b0undary--", 400),
    ("something behind the delimiter", multipart(GOOD, end=b"oops\r\n"), 202),
    ("nested", multipart(b"--in\r\n\r\nx\r\n--in--", head=b"Content-Type: multipart/related; boundary=in"), 409),
    ("a page", multipart(b"<script>", head=b"Content-Type: text/html"), 409),
    ("json", multipart(b"[]", head=b"Content-Type: application/dicom+json"), 415),
    ("a preamble", b"This is a multipart message.\r\n" + multipart(GOOD), 200),
    ("no content type", multipart(GOOD, head=b"X-Thing: 1"), 200),
    ("padded delimiter", multipart(GOOD).replace(b"--b0undary\r\n", b"--b0undary  \t\r\n"), 200),
    ("an epilogue", multipart(GOOD) + b"thanks", 200),
]


@pytest.mark.parametrize(("body", "status"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_framing(spool: Spool, client: Client, body: bytes, status: int) -> None:
    response = post(client, body)

    assert response.status_code == status, response.content
    assert len(list(spool.waiting())) == (status in {200, 202})
    if status in {400, 415}:
        assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/dicom", 415),
        ("multipart/form-data; boundary=b0undary", 415),
        ('multipart/related; type="application/dicom+json"; boundary=b0undary', 415),
        ('multipart/related; type="application/dicom+xml"; boundary=b0undary', 415),
        ('multipart/related; type="application/dicom"', 400),
        (f'multipart/related; type="application/dicom"; boundary={"x" * 71}', 400),
        ('multipart/related; type="application/dicom"; boundary="a\x00b"', 400),
        ("", 415),
    ],
)
def test_content_types(spool: Spool, client: Client, content_type: str, status: int) -> None:
    response = client.generic("POST", "/dicom-web/studies", multipart(GOOD), content_type=content_type)
    assert response.status_code == status, response.content


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("viewer", 403), ("operator", 200), ("administrator", 200)])
def test_who_may_store(spool: Spool, role: str | None, status: int) -> None:
    assert post(client_of(role), multipart(GOOD)).status_code == status


def test_a_session_needs_its_csrf_token(spool: Spool) -> None:
    signed_in = client_of("operator")
    signed_in.handler.enforce_csrf_checks = True
    assert post(signed_in, multipart(GOOD)).status_code == 403


def test_a_spool_that_takes_nothing_answers_503(
    spool: Spool, client: Client, home: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studies.dimse.ArchiveServices.congestion", lambda _: "the disk is filling up")
    response = post(client, multipart(GOOD))
    assert (response.status_code, response["Retry-After"]) == (503, "30")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.lists(
        st.binary(max_size=200) | st.sampled_from([b"\r\n--b0undar", b"\r\n--", b"\r\n", b"--b0undary"]),
        min_size=1,
        max_size=4,
    ),
    step=st.integers(1, 64),
)
def test_parts_come_out_as_they_went_in_however_they_are_cut(contents: list[bytes], step: int) -> None:
    body = multipart(*contents)
    pieces = [body[start : start + step] for start in range(0, len(body), step)][::-1]
    reader = MultipartReader(lambda _: pieces.pop() if pieces else b"", BOUNDARY)
    assert [b"".join(reader.content()) for _ in reader.parts()] == contents


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=400), flips=st.lists(st.integers(0, 10_000), max_size=4))
def test_noise_is_refused_and_never_goes_on_for_ever(body: bytes, flips: list[int]) -> None:
    whole = bytearray(multipart(body, b"x"))
    for flip in flips:
        whole[flip % len(whole)] ^= 0x15
    pieces = [bytes(whole)]
    try:
        reader = MultipartReader(lambda _: pieces.pop() if pieces else b"", BOUNDARY)
        assert sum(len(b"".join(reader.content())) for _ in reader.parts()) <= len(whole)
    except BadMultipart:
        pass


def test_a_real_file_comes_back_byte_by_byte(spool: Spool, client: Client, tmp_path: Path) -> None:
    path = sample("JPEG2000.dcm")
    response = post(client, multipart(path.read_bytes()))
    assert response.status_code == 200
    (stored,) = spool.waiting()
    assert stored.read_bytes().endswith(path.read_bytes()[-1000:])
    assert os.stat(stored).st_nlink == 1
