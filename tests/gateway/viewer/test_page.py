"""The viewer's page: who may see it, what it says of studies, its policy, and what it is without a bundle."""

import json
import re
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gateway.viewer import bundle, page
from gateway.viewer.bundle import Bundle
from tests.factories import SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
CONFIG = re.compile(r'<script id="viewer-config" type="application/json">(.*?)</script>', re.DOTALL)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = "/static/viewer/abc"
    found = Bundle(f"{folder}/early.js", f"{folder}/main.js", f"{folder}/wasm/")
    monkeypatch.setattr(page, "bundle", lambda: found)


@pytest.mark.usefixtures("built")
def test_page_brings_the_series_in_the_order_of_their_numbers(viewer: Client) -> None:
    study = StudyFactory.create(patient_name="Doe^Jane")
    for number in ("10", "2", ""):
        SeriesFactory.create(study=study, series_number=number)

    answer = viewer.get(f"/viewer/?StudyInstanceUIDs={study}")

    (text,) = CONFIG.findall(answer.content.decode())
    config = json.loads(text)
    assert config["wasm"] == "/static/viewer/abc/wasm/"
    assert config["main"] == "/static/viewer/abc/main.js"
    assert [series["number"] for series in config["studies"][0]["series"]] == ["2", "10", ""]
    assert config["studies"][0]["patientName"] == "Doe, Jane"


@pytest.mark.usefixtures("built")
def test_its_policy_evaluates_nothing_and_has_no_inline_script(viewer: Client) -> None:
    answer = viewer.get(f"/viewer/?StudyInstanceUIDs={StudyFactory.create()}")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";") if part)

    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["worker-src"] == "'self' blob:"
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    scripts = re.findall(r"<script([^>]*)>", answer.content.decode())
    assert all("src=" in attributes or "application/json" in attributes for attributes in scripts)
    assert "style=" not in answer.content.decode()


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("hostile", ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}"])
def test_hostile_names_are_text(hostile: str, viewer: Client) -> None:
    study = StudyFactory.create(patient_name=hostile, study_description=hostile, patient_id=hostile[:60])
    SeriesFactory.create(study=study, series_description=hostile)

    content = viewer.get(f"/viewer/?StudyInstanceUIDs={study}").content.decode()

    assert "<script>alert" not in content
    assert "<img" not in content
    (text,) = CONFIG.findall(content)
    assert json.loads(text)["studies"][0]["series"][0]["description"] == hostile


@pytest.mark.usefixtures("built")
def test_several_studies_come_in_the_order_of_the_address(viewer: Client) -> None:
    one, two = StudyFactory.create(), StudyFactory.create()

    content = viewer.get(f"/viewer/?StudyInstanceUIDs={two},{one},{one},1.2.3").content.decode()

    config = json.loads(CONFIG.findall(content)[0])
    assert [study["uid"] for study in config["studies"]] == [str(two), str(one)]


@pytest.mark.usefixtures("built")
def test_queries_do_not_grow_with_series(viewer: Client) -> None:
    study = StudyFactory.create()
    counts = []
    for _ in range(2):
        SeriesFactory.create_batch(5, study=study)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            viewer.get(f"/viewer/?StudyInstanceUIDs={study}")
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 5


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    "query", ["", "StudyInstanceUIDs=", "StudyInstanceUIDs=1.2.3", "StudyInstanceUIDs=../..", "x=%00"]
)
def test_address_without_a_stored_study_is_not_found(query: str, viewer: Client) -> None:
    assert viewer.get(f"/viewer/?{query}").status_code == 404


def test_without_a_bundle_the_page_says_what_to_do(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "bundle", lambda: None)
    study = StudyFactory.create()

    answer = viewer.get(f"/viewer/?StudyInstanceUIDs={study}")

    assert answer.status_code == 503
    assert "make viewer" in answer.content.decode()
    assert f"/studies/{study}/" in answer.content.decode()


def test_signed_in_only(client: Client) -> None:
    for address in ("/viewer/?StudyInstanceUIDs=1.2.3", "/viewer/tag-names.json", "/ohif/", "/ohif/app-config.js"):
        assert client.get(address).headers["Location"].startswith("/sign-in/?next=")


def test_tag_names_are_those_of_the_dictionary(viewer: Client) -> None:
    names = viewer.get("/viewer/tag-names.json").json()

    assert names["00100010"] == "Patient's Name"
    assert len(names) > 4_000


def test_bundle_is_named_by_what_it_is_built_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "js"
    (sources / "src").mkdir(parents=True)
    for name in ("package-lock.json", "build.mjs", "src/main.js"):
        (sources / name).write_text(name)
    monkeypatch.setattr(bundle, "SOURCES", sources)
    monkeypatch.setattr(bundle, "TARGET", tmp_path / "static" / "viewer")
    before = bundle.source_digest()
    assert not bundle.is_built()

    (bundle.folder(before)).mkdir(parents=True)
    (bundle.folder(before) / "main.js").touch()
    assert bundle.is_built()

    (sources / "src" / "main.js").write_text("another")
    assert bundle.source_digest() != before
    assert not bundle.is_built()
