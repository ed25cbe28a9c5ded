"""The upload page in a real browser: files and a ZIP, and what became of each."""

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect
from pydicom.data import get_testdata_file
from pytest_django import Settings

from gateway.env import Environment
from studies.dimse import local_spool
from tests.e2e.conftest import OpenPage

pytestmark = [pytest.mark.e2e, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]


def test_files_and_a_zip_are_sent_and_each_has_its_line(
    home: Environment, settings: Settings, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.DICOM_SERVICES = {settings.GANTRY.ae_title: "studies.dimse.ArchiveServices"}
    monkeypatch.setattr("studies.dimse._doorbell.ring", lambda: None)
    ct = Path(str(get_testdata_file("CT_small.dcm")))
    hostile = tmp_path / "<img src=x onerror=alert(1)>.txt"
    hostile.write_text("no DICOM")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(str(get_testdata_file("MR_small.dcm")), "deep/MR")
    packed = tmp_path / "more.zip"
    packed.write_bytes(buffer.getvalue())
    page = open_page("/studies/")
    page.get_by_role("link", name="Upload").click()

    page.locator("#upload-files").set_input_files([ct, hostile, packed])

    expect(page.locator("[data-sum]")).to_have_text("2 stored, 1 passed over in 2 studies")
    lines = page.locator("[data-lines] tr")
    expect(lines).to_have_count(3)
    expect(lines.filter(has_text="deep/MR")).to_contain_text("stored")
    expect(lines.filter(has_text=hostile.name)).to_contain_text("it is no DICOM file")
    assert len(list(local_spool().waiting())) == 2
