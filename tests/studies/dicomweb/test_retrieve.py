"""WADO-RS: instances, metadata and frames as they are stored."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from pydicom import dcmread

from studies.spool import Spool
from tests.api_clients import client_of
from tests.studies.dicomweb.archive import address, body, keep, parts_of, sample, series_address, small_series

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bells")]
STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
OCTETS = "multipart/related; type=application/octet-stream"


@pytest.fixture
def client() -> Client:
    return client_of("viewer")


def test_a_series_comes_as_it_is_stored(spool: Spool, tmp_path: Path, client: Client) -> None:
    rows = small_series(spool, tmp_path)

    parts = parts_of(client.get(series_address(rows[0]), HTTP_ACCEPT=STORED))

    assert [fields["content-type"] for fields, _ in parts] == [
        f"application/dicom; transfer-syntax={row.transfer_syntax_uid}" for row in rows
    ]
    for row, (_, content) in zip(rows, parts, strict=True):
        ds = dcmread(BytesIO(content))
        assert ds.SOPInstanceUID == row.sop_instance_uid
        assert ds.is_little_endian
        assert np.array_equal(ds.pixel_array, dcmread(sample("CT_small.dcm")).pixel_array)


def test_metadata_of_a_series(spool: Spool, tmp_path: Path, client: Client) -> None:
    rows = small_series(spool, tmp_path)

    response = client.get(series_address(rows[0], "/metadata"))

    found = json.loads(body(response))
    assert [each["00080018"]["Value"] for each in found] == [[row.sop_instance_uid] for row in rows]
    assert found[0]["7FE00010"]["BulkDataURI"].endswith(address(rows[0], "/bulkdata/7FE00010"))
    assert found[0]["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "CompressedSamples^CT1"}]}
    assert found[0]["00280010"] == {"vr": "US", "Value": [128]}
    again = client.get(series_address(rows[0], "/metadata"), HTTP_IF_NONE_MATCH=response["ETag"])
    assert again.status_code == 304


def test_frames_are_those_that_pydicom_decodes(spool: Spool, client: Client) -> None:
    (row,) = keep(spool, sample("JPEG2000.dcm"))

    ((fields, content),) = parts_of(client.get(address(row, "/frames/1"), HTTP_ACCEPT=OCTETS))
    ((stored, code_stream),) = parts_of(
        client.get(address(row, "/frames/1"), HTTP_ACCEPT=f"{OCTETS}; transfer-syntax=*")
    )

    expected = dcmread(sample("JPEG2000.dcm")).pixel_array
    assert np.array_equal(np.frombuffer(content, expected.dtype).reshape(expected.shape), expected)
    assert fields["content-type"] == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    assert stored["content-type"] == f"application/octet-stream; transfer-syntax={row.transfer_syntax_uid}"
    assert code_stream.startswith(b"\xff\x4f\xff\x51")
