"""Instances of pydicom's own test files in an archive, as the listener and the index put them there."""

from pathlib import Path

from django.http.response import HttpResponseBase
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import UID

from dicomnet.services import StoreRequest
from dicomnet.statuses import StoreStatus
from studies.index import index_spool
from studies.models import Instance
from studies.spool import Spool
from tests.corpus import data_set_bytes

ROOT = "/dicom-web"


def sample(name: str) -> Path:
    """A file that comes with pydicom; nothing is downloaded."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


def keep(spool: Spool, *paths: Path) -> list[Instance]:
    """Take files in and index them; returns their rows, in order."""
    uids = []
    for path in paths:
        meta = dcmread(path, stop_before_pixels=True)
        uid = str(meta.SOPInstanceUID)
        syntax = str(meta.file_meta.TransferSyntaxUID)
        sink = spool.open(StoreRequest(str(meta.SOPClassUID), uid, syntax, "CT1", "GANTRY", "10.1.2.3"))
        sink.write(data_set_bytes(path))
        assert sink.commit().status == StoreStatus.SUCCESS, path
        uids.append(uid)
    index_spool(spool)
    rows = {row.sop_instance_uid: row for row in Instance.objects.select_related("series__study")}
    return [rows[uid] for uid in uids]


def small_series(spool: Spool, folder: Path, count: int = 3) -> list[Instance]:
    """A series of small CT instances with pixels."""
    ds = dcmread(sample("CT_small.dcm"))
    paths = []
    for number in range(1, count + 1):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.77.{number}")
        ds.InstanceNumber = number
        paths.append(folder / f"{number}.dcm")
        ds.save_as(paths[-1])
    return keep(spool, *paths)


def address(row: Instance, more: str = "") -> str:
    """Of an instance."""
    series = row.series
    return (
        f"{ROOT}/studies/{series.study.study_instance_uid}/series/{series.series_instance_uid}"
        f"/instances/{row.sop_instance_uid}{more}"
    )


def series_address(row: Instance, more: str = "") -> str:
    """Of an instance's series."""
    return address(row).rpartition("/instances/")[0] + more


def body(response: HttpResponseBase) -> bytes:
    """All of an answer, streamed or not."""
    if response.streaming:
        return b"".join(response)
    return response.content  # type: ignore[attr-defined, no-any-return]


def parts_of(response: HttpResponseBase) -> list[tuple[dict[str, str], bytes]]:
    """Header fields, in lower case, and content of each part of a multipart answer."""
    content_type = response["Content-Type"]
    assert content_type.startswith("multipart/related"), content_type
    boundary = content_type.rpartition("boundary=")[2].encode()
    whole = body(response)
    if response.has_header("Content-Length"):
        assert int(response["Content-Length"]) == len(whole)
    pieces = whole.split(b"--" + boundary)
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    found = []
    for piece in pieces[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        fields = {name.lower(): value for name, value in lines}
        content = content.removesuffix(b"\r\n")
        assert int(fields["content-length"]) == len(content)
        found.append((fields, content))
    return found
