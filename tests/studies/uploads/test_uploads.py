"""Uploads by the page's own requests: per-file results, ZIPs, and hostile ones, through the real spool."""

import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pydicom.data import get_testdata_file
from pytest_django import Settings

from gateway.env import Environment
from studies.dimse import local_spool
from studies.uploads import take, zips
from tests.gateway.portal.conftest import operator, viewer

__all__ = ["operator", "viewer"]
pytestmark = pytest.mark.django_db
CT = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
MR = Path(str(get_testdata_file("MR_small.dcm"))).read_bytes()
CT_STUDY = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"


@pytest.fixture(autouse=True)
def rung(home: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The archive alone behind the AE title, and a bell that only counts."""
    settings.DICOM_SERVICES = {settings.GANTRY.ae_title: "studies.dimse.ArchiveServices"}
    heard: list[str] = []
    monkeypatch.setattr("studies.dimse._doorbell.ring", lambda: heard.append("rung"))
    return heard


def sent(
    client: Client, data: bytes, content_type: str = "application/octet-stream", name: str = "a.dcm"
) -> list[dict]:
    answer = client.post(f"/upload/file/?name={name}", data, content_type=content_type)
    assert answer.status_code == 200
    return list(answer.json()["files"])


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def waiting() -> int:
    return len(list(local_spool().waiting()))


def test_file_is_stored_and_its_study_named(operator: Client, rung: list[str]) -> None:
    assert sent(operator, CT) == [{"name": "a.dcm", "outcome": "stored", "reason": "", "study": CT_STUDY}]

    assert waiting() == 1
    assert rung == ["rung"]


def test_each_file_of_a_zip_has_its_own_outcome(operator: Client) -> None:
    data = zipped(("one/CT", CT), ("two/MR.dcm", MR), ("readme.txt", b"hello"), ("inner.zip", zipped(("x", CT))))

    lines = sent(operator, data, "application/zip", "all.zip")

    assert [(line["name"], line["outcome"]) for line in lines] == [
        ("one/CT", "stored"), ("two/MR.dcm", "stored"), ("readme.txt", "passed-over"), ("inner.zip", "passed-over"),
    ]  # fmt: skip
    assert waiting() == 2


def test_directory_of_a_medium_is_passed_over(operator: Client) -> None:
    directory = Path(str(get_testdata_file("DICOMDIR"))).read_bytes()

    assert sent(operator, directory)[0]["outcome"] == "passed-over"
    assert waiting() == 0


@pytest.mark.parametrize(
    "data",
    [
        CT[:-200_00],
        CT[:200],
        b"",
        b"\0" * 128 + b"DICM",
        b"\0" * 200_000,
        CT.replace(b"1.3.6.1.4.1.5962.1.1", b"x" * 20),
    ],
    ids=["cut-off", "no-data-set", "empty", "prefix-only", "zeros", "no-uid"],
)
def test_what_is_no_whole_instance_is_not_stored(data: bytes, operator: Client) -> None:
    (line,) = sent(operator, data)

    assert line["outcome"] in {"refused", "passed-over"}
    assert line["reason"]
    assert waiting() == 0


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/cron.d/x", "C:\\x", "a\0b", "<img src=x onerror=alert(1)>"]
)
def test_names_in_a_zip_lead_nowhere(name: str, operator: Client, home: Environment) -> None:
    before = {path for path in home.home.rglob("*") if path.is_file()}

    (line,) = sent(operator, zipped((name, CT)), "application/zip")

    assert line["outcome"] == "stored"
    new = {path for path in home.home.rglob("*") if path.is_file()} - before
    assert {path.parent.parent.name for path in new} == {"new"}


def test_bomb_that_states_its_size_is_not_unpacked(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "ALWAYS_ALLOWED_BYTES", 1 << 20)
    data = zipped(("bomb", bytes(64 << 20)))

    (line,) = sent(operator, data, "application/zip", "bomb.zip")

    assert (line["outcome"], line["name"]) == ("refused", "bomb.zip")
    assert "too large" in line["reason"]


def test_bomb_that_lies_about_its_size_ends_where_it_shows(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "ALWAYS_ALLOWED_BYTES", 1 << 20)
    monkeypatch.setattr(zipfile.ZipInfo, "file_size", property(lambda _: 10, lambda *_: None), raising=False)
    data = zipped(("bomb", CT + bytes(64 << 20)))

    lines = sent(operator, data, "application/zip", "bomb.zip")

    assert {line["outcome"] for line in lines} <= {"refused"}
    assert waiting() == 0


def test_too_many_entries_are_refused_at_once(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MAXIMUM_ENTRIES", 2)

    (line,) = sent(operator, zipped(*((f"{number}", CT) for number in range(3))), "application/zip")

    assert line["outcome"] == "refused"
    assert waiting() == 0


@pytest.mark.parametrize("cut", [10, 1000, -30])
def test_broken_zip_is_told_in_words(cut: int, operator: Client) -> None:
    lines = sent(operator, zipped(("a", CT))[:cut], "application/zip", "a.zip")

    assert [line["outcome"] for line in lines] == ["refused"]


def test_damaged_member_is_refused_and_the_next_is_stored(operator: Client) -> None:
    data = bytearray(zipped(("a", CT), ("b", MR), method=zipfile.ZIP_STORED))
    data[2000] ^= 0xFF

    lines = sent(operator, bytes(data), "application/zip")

    assert [line["outcome"] for line in lines] == ["refused", "stored"]
    assert waiting() == 1


def test_file_larger_than_is_taken_is_refused(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take, "MAXIMUM_FILE_BYTES", 10_000)

    assert sent(operator, CT)[0]["outcome"] == "refused"
    assert waiting() == 0


def test_form_without_script_shows_the_same(operator: Client) -> None:
    files = [
        SimpleUploadedFile("<b>.dcm", CT),
        SimpleUploadedFile("n.txt", b"text"),
        SimpleUploadedFile("z", zipped(("m", MR))),
    ]

    page = operator.post("/upload/", {"files": files}).content.decode()

    assert page.count("is-ok") == 2
    assert "&lt;b&gt;.dcm" in page
    assert waiting() == 2


def test_viewer_may_not_upload(viewer: Client) -> None:
    assert viewer.get("/upload/").status_code == 403
    assert viewer.post("/upload/file/?name=a", CT, content_type="application/octet-stream").status_code == 403
    assert waiting() == 0


def test_upload_needs_the_token_of_the_form(operator: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies

    assert strict.post("/upload/file/?name=a", CT, content_type="application/octet-stream").status_code == 403
