"""Who may ask what, and what is said to all: roles, headers, ETags, ranges, capabilities, WADO-URI."""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from PIL import Image
from pydicom import dcmread

from studies.models import Instance
from studies.spool import Spool
from tests.api_clients import client_of, key_client
from tests.studies.dicomweb.archive import ROOT, address, body, keep, sample, series_address, small_series

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bells")]
UNKNOWN = f"{ROOT}/studies/1.2.3"
FILE = "application/dicom; transfer-syntax=*"


@pytest.fixture
def client() -> Client:
    return client_of("viewer")


@pytest.fixture
def row(spool: Spool) -> Instance:
    return keep(spool, sample("CT_small.dcm"))[0]


READING = ["", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulkdata/7FE00010", "/frames/1/rendered"]


@pytest.mark.parametrize("more", READING)
def test_reading_takes_a_role(row: Instance, more: str) -> None:
    assert client_of(None).get(address(row, more)).status_code == 401
    assert key_client("metrics").get(address(row, more)).status_code == 403
    for caller in (client_of("viewer"), key_client("viewer")):
        response = caller.get(address(row, more))
        assert response.status_code == 200
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "private" in response["Cache-Control"]
        assert "html" not in response["Content-Type"]
        body(response)


def test_nobody_is_told_how_to_sign_in(row: Instance) -> None:
    response = client_of(None).get(address(row))
    assert (response["WWW-Authenticate"], response["Content-Type"]) == ("Api-Key", "application/problem+json")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/studies/1.2.3", "get", 404),
        ("/studies/1.2.3/series/1.2/instances/1/frames/1", "get", 404),
        ("/studies/1.2.3/metadata", "get", 404),
        ("/studies/<script>", "get", 404),
        ("/studies/" + "1" * 65, "get", 404),
        ("/nothing", "get", 404),
        ("/studies/1.2.3", "put", 405),
        ("/studies/1.2.3/metadata", "post", 405),
    ],
)
def test_errors_are_problems(client: Client, path: str, method: str, status: int) -> None:
    response = getattr(client, method)(f"{ROOT}{path}")
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert b"<script>" not in response.content or response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("more", "accept"),
    [
        ("", "text/html"),
        ("", "application/dicom+json"),
        ("", "multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50"),
        ("/metadata", "application/dicom+xml"),
        ("/frames/1", "image/jpeg"),
        ("/frames/1", "multipart/related; type=image/jpeg"),
        ("/rendered", "image/svg+xml"),
        ("/thumbnail", "application/dicom"),
        ("/bulkdata/7FE00010", "image/png"),
    ],
)
def test_what_cannot_be_had_is_406(row: Instance, client: Client, more: str, accept: str) -> None:
    response = client.get(address(row, more), HTTP_ACCEPT=accept)
    assert (response.status_code, response["Content-Type"]) == (406, "application/problem+json")
    assert "It can be had as" in response.json()["detail"]


@pytest.mark.parametrize("more", ["/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulkdata/7FE00010"])
def test_what_is_known_already_is_not_sent_again(row: Instance, client: Client, more: str) -> None:
    tag = client.get(address(row, more))["ETag"]
    again = client.get(address(row, more), HTTP_IF_NONE_MATCH=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)


def test_the_tag_of_a_series_changes_with_what_is_in_it(spool: Spool, tmp_path: Path, client: Client) -> None:
    (first,) = small_series(spool, tmp_path, 1)
    one = client.get(series_address(first, "/metadata"))
    small_series(spool, tmp_path, 2)
    two = client.get(series_address(first, "/metadata"), HTTP_IF_NONE_MATCH=one["ETag"])
    assert (len(one.json()), len(two.json())) == (1, 2)


def test_metadata_is_compressed_for_who_takes_it(spool: Spool, tmp_path: Path, client: Client) -> None:
    import gzip

    (row, _) = small_series(spool, tmp_path, 2)
    for where in (series_address(row, "/metadata"), f"{series_address(row).rpartition('/series/')[0]}/metadata"):
        plain, packed = client.get(where), client.get(where, HTTP_ACCEPT_ENCODING="gzip")
        assert packed["Content-Encoding"] == "gzip"
        assert gzip.decompress(body(packed)) == body(plain)


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=0-999999999", 206, slice(0, None)),
        ("bytes=300-700", 206, slice(300, 701)),
        ("bytes=5-1", 200, slice(0, None)),
        ("bytes=0-1,4-5", 200, slice(0, None)),
        ("lines=0-1", 200, slice(0, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
    ],
)
def test_ranges(row: Instance, client: Client, asked: str, status: int, expected: slice) -> None:
    whole = body(client.get(address(row), HTTP_ACCEPT=FILE))
    response = client.get(address(row), HTTP_ACCEPT=FILE, HTTP_RANGE=asked)
    assert (response.status_code, body(response)) == (status, whole[expected])


def test_head_is_get_without_its_body(row: Instance, client: Client) -> None:
    full, bare = client.get(address(row), HTTP_ACCEPT=FILE), client.head(address(row), HTTP_ACCEPT=FILE)
    assert (bare.status_code, bare.content) == (200, b"")
    assert bare["Content-Length"] == full["Content-Length"] == str(len(body(full)))


def test_capabilities_name_every_resource(client: Client) -> None:
    found = client.get(f"{ROOT}/", HTTP_ACCEPT="application/json").json()
    by_path = {each["path"]: each["methods"] for each in found["resources"]}
    assert "POST" in by_path["studies"]
    assert by_path["studies/{study}/series/{series}/instances/{instance}/frames/{numbers}"] == ["GET"]
    wadl = client.options(f"{ROOT}/")
    assert wadl["Content-Type"] == "application/vnd.sun.wadl+xml"
    assert set(re.findall(r'<resource path="([^"]*)">', wadl.content.decode())) == set(by_path)


def wado(row: Instance, more: str = "") -> str:
    series = row.series
    return (
        f"{ROOT}/wado?requestType=WADO&studyUID={series.study.study_instance_uid}"
        f"&seriesUID={series.series_instance_uid}&objectUID={row.sop_instance_uid}{more}"
    )


def test_wado_uri_gives_a_picture_or_the_file(row: Instance, client: Client) -> None:
    picture = client.get(wado(row))
    small = client.get(wado(row, "&contentType=image/png&rows=32&windowCenter=40&windowWidth=400"))
    part = client.get(wado(row, "&contentType=image/png&region=0,0,0.5,0.25"))
    file = client.get(wado(row, "&contentType=application/dicom"))

    assert Image.open(BytesIO(picture.content)).format == "JPEG"
    assert Image.open(BytesIO(small.content)).size == (32, 32)
    assert Image.open(BytesIO(part.content)).size == (64, 32)
    ds = dcmread(BytesIO(body(file)))
    assert np.array_equal(ds.pixel_array, dcmread(sample("CT_small.dcm")).pixel_array)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("&anonymize=yes", 400),
        ("&presentationUID=1.2", 400),
        ("&windowCenter=40", 400),
        ("&region=0,0,2,1", 400),
        ("&region=0.5,0,0.5,1", 400),
        ("&frameNumber=2", 404),
        ("&frameNumber=0", 400),
        ("&contentType=text/html", 406),
        ("&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.50", 406),
        ("&rows=0", 400),
    ],
)
def test_wado_uri_refuses_what_it_cannot(row: Instance, client: Client, more: str, status: int) -> None:
    assert client.get(wado(row, more)).status_code == status
    assert client.get(f"{ROOT}/wado?requestType=XERO").status_code == 400
