"""Federated search in a real browser: ask, have a study brought from another archive, read it there and in OHIF."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Request, expect
from pydicom.dataset import Dataset

from gateway.env import Environment
from spanner.ask.dimse import pool
from spanner.lanes import close_lanes
from spanner.models import ConfigSource, Fetch, FetchState, Source, SourceKind, SpanningConfig
from studies.models import Study
from tests import ohif
from tests.e2e.conftest import OpenPage
from tests.e2e.pictures import head
from tests.e2e.test_ohif import ARE_DRAWN, series
from tests.peers import LOOPBACK, refused_port
from tests.spanner.archives import dimse_archive
from tests.spanner.archives import study as match
from tests.spanner.at_work import fetching
from tests.spanner.fetch.holding import qrscp

pytestmark = [pytest.mark.e2e, pytest.mark.peers, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]
SLICES = 24  # in two series


@pytest.fixture
def at_work(home: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This archive takes in what is brought."""
    monkeypatch.setattr("studies.dimse._doorbell.ring", lambda: None)
    with fetching():
        yield
    close_lanes()
    pool().close()


@pytest.fixture
def north(tmp_path: Path) -> Iterator[Source]:
    """DCMTK's archive with the CT of a head."""
    with qrscp(tmp_path / "north", _files(tmp_path / "files", head(SLICES))) as port:
        yield Source.objects.create(name="North", ae_title="QRSCP", host=LOOPBACK, port=port, timeout_seconds=20)


def federate(*sources: Source) -> SpanningConfig:
    config = SpanningConfig.objects.create(name="all.sites", timeout_seconds=20, cache_seconds=0, retry_attempts=0)
    for priority, source in enumerate(sources):
        ConfigSource.objects.create(config=config, source=source, priority=priority)
    return config


def _files(folder: Path, data_sets: tuple[Dataset, ...]) -> list[Path]:
    folder.mkdir()
    found = []
    for ds in data_sets:
        found.append(folder / f"{ds.SOPInstanceUID}.dcm")
        ds.save_as(found[-1], enforce_file_format=True)
    return found


def test_a_study_elsewhere_is_found_opened_and_read(
    open_page: OpenPage, at_work: None, north: Source, built: None
) -> None:
    here = Source.objects.create(name="Here", kind=SourceKind.LOCAL)
    dead = Source.objects.create(name="Dead", ae_title="DEAD", host=LOOPBACK, port=refused_port())
    federate(here, north, dead)
    page = open_page("/archives/")
    addresses: list[str] = []
    page.on("request", lambda request: _note(addresses, request))

    page.keyboard.press("/")
    expect(page.get_by_label("Patient name")).to_be_focused()
    page.keyboard.type("Dunn*")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Found in all.sites")).to_be_visible()
    expect(page.get_by_text("not complete: Dead")).to_be_visible()
    rows = page.locator(".found-table tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Dunn, Naomi")

    page.keyboard.press("j")
    expect(rows.get_by_role("button", name="Dunn, Naomi")).to_be_focused()
    page.keyboard.press("Enter")

    page.wait_for_url("**/viewer/?StudyInstanceUIDs=*")
    page.locator("[data-cell='1'][data-shown='stack']").wait_for()
    expect(page.locator(".cell .top-left").first).to_contain_text("Dunn, Naomi")
    assert Fetch.objects.get().state == FetchState.DONE
    assert Study.objects.get().number_of_study_related_instances == SLICES
    assert [address for address in addresses if re.search("dunn", address, re.IGNORECASE)] == []

    page.go_back()  # it says that the study is here, and leads nobody away
    expect(page.get_by_text("It is here.")).to_be_visible()


def test_what_is_read_stays_where_it_is_while_answers_come_in(open_page: OpenPage) -> None:
    with dimse_archive([match(1, PatientName="Doe^Jane")]) as (port, _), dimse_archive([match(2)]) as (slow, archive):
        archive.gate.clear()
        quick = Source.objects.create(name="Quick", ae_title="PEER", host=LOOPBACK, port=port, timeout_seconds=30)
        federate(
            quick, Source.objects.create(name="Slow", ae_title="PEER", host=LOOPBACK, port=slow, timeout_seconds=30)
        )
        page = open_page("/archives/")
        page.get_by_label("Patient name").fill("Doe*")
        page.get_by_role("button", name="Ask all archives").click()
        expect(page.get_by_text("50 % have answered")).to_be_visible()
        row = page.locator(".found-table tbody tr").first
        page.keyboard.press("j")
        marked = row.evaluate_handle("row => { row.dataset.mine = 1; return row; }")
        with page.expect_response(lambda response: "answered=1" in response.url) as polled:
            pass
        assert polled.value.status == 204
        assert marked.evaluate("row => row.isConnected")

        archive.gate.set()
        expect(page.get_by_text("complete", exact=True)).to_be_visible()
        expect(page.locator("#found-count")).to_have_text("2")
        expect(page.locator(".found-table tbody tr [data-row]").first).to_be_focused()
    close_lanes()
    pool().close()


def test_ohif_reads_from_a_federation(
    home: Environment, open_page: OpenPage, at_work: None, north: Source, tmp_path: Path
) -> None:
    if not ohif.is_installed():
        pytest.skip("python -m tests.ohif (50 MB from the npm registry)")
    (home.home / "ohif").symlink_to(ohif.folder())
    config = federate(north)
    page = open_page("/")
    asked: list[str] = []
    page.on("request", lambda request: _note(asked, request))

    page.goto(f"/ohif/viewer/span-{config.pk}?StudyInstanceUIDs={head(SLICES)[0].StudyInstanceUID}")
    page.get_by_role("button", name="Confirm and hide").click()

    expect(series(page)).to_have_count(2)
    page.wait_for_function(ARE_DRAWN, arg=1)
    assert Fetch.objects.get().requested_by == "admin"
    read = [address for address in asked if "/dicom-web/" in address]
    assert read
    assert all("/dicom-web/span/all.sites/" in address for address in read), read


def _note(addresses: list[str], request: Request) -> None:
    addresses.append(request.url)
