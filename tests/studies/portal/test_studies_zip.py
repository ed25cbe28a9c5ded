"""A ZIP of the studies that were chosen in the list, within its bounds."""

import io
import zipfile

import pytest
from django.test import Client

from gateway.env import Environment
from studies.index import index_spool
from studies.models import Study
from studies.spool import Spool
from tests.studies.receiving import receive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stored(home: Environment, spool: Spool, bells: list[int]) -> list[str]:
    for number in (1, 2):
        receive(spool, study=f"1.{number}", series=f"1.{number}.1", uid=f"1.{number}.1.1", PatientID=f"P{number}")
    index_spool(spool)
    return ["1.1", "1.2"]


def said(client: Client, **given: object) -> str:
    return client.post("/studies/batch/", {"action": "zip", **given}, follow=True).content.decode()


def test_chosen_studies_in_one_zip(viewer: Client, stored: list[str]) -> None:
    answer = viewer.post("/studies/batch/", {"action": "zip", "study": stored})

    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer["Content-Disposition"] == 'attachment; filename="studies-2.zip"'
    assert len(data) == int(answer["Content-Length"])
    assert sorted(zipfile.ZipFile(io.BytesIO(data)).namelist()) == [
        "DICOM/ST000001/SE000001/IM000001",
        "DICOM/ST000002/SE000001/IM000001",
        "DICOMDIR",
    ]


@pytest.mark.parametrize("name", ["MAXIMUM_STUDIES", "MAXIMUM_INSTANCES", "MAXIMUM_BYTES"])
def test_more_than_a_zip_takes_is_said(
    viewer: Client, stored: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"studies.portal.downloads.{name}", 1)

    assert "choose fewer" in said(viewer, all="1")


def test_what_is_away_is_to_be_moved_first(viewer: Client, stored: list[str]) -> None:
    Study.objects.filter(study_instance_uid="1.1").update(tier="cold")

    assert "1 of these studies is on a slower tier" in said(viewer, study=stored)
    assert "Choose a study first." in said(viewer, query="q=a")
