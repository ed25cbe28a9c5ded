"""Programs of others that search the archive: findscu of DCMTK (PS3.4 C.4.1)."""

import re
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from gateway.env import Environment
from tests.conformance.programs import dcmtk
from tests.factories import SeriesFactory, StudyFactory
from tests.peers import gantry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.peers, pytest.mark.usefixtures("dcmtk_installed")]
MAY_FIND = Entry("*", "127.0.0.0/8", "", Rights(may_echo=True, may_find=True))
STUDY = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")


@pytest.fixture
def port(home: Environment, settings: Settings) -> Iterator[int]:
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    with gantry(MAY_FIND) as number:
        yield number


@pytest.mark.parametrize("syntax", ["-xe", "-xi"])
def test_findscu_is_answered(port: int, syntax: str) -> None:
    study = StudyFactory.create(patient_name="Doe^Jane", study_date="20260615")
    StudyFactory.create(patient_name="Roe^Jim", study_date="20260615")
    said = dcmtk(
        "findscu", port, "-v", syntax, "-S", *STUDY, "-k", "PatientName=doe*", "-k", "StudyDate=20260101-20261231"
    )
    assert said.is_content, said.output
    assert re.findall(r"StudyInstanceUID", said.output)
    assert study.study_instance_uid in said.output
    assert "Roe" not in said.output


def test_findscu_finds_the_series_of_a_study_by_patient_root(port: int) -> None:
    series = SeriesFactory.create(study__patient_id="P1", modality="MR")
    keys = ["PatientID=P1", f"StudyInstanceUID={series.study.study_instance_uid}", "SeriesInstanceUID", "Modality"]
    options = [part for key in ("QueryRetrieveLevel=SERIES", *keys) for part in ("-k", key)]
    said = dcmtk("findscu", port, "-v", "-P", *options)
    assert series.series_instance_uid in said.output, said.output
    assert "MR" in said.output


def test_findscu_cancels(port: int) -> None:
    StudyFactory.create_batch(30)
    said = dcmtk("findscu", port, "-v", "-S", "--cancel", "2", *STUDY)
    # All may be on their way already; the association goes on and ends well whichever it is.
    assert said.is_content, said.output
    assert re.search(r"Cancel|Success", said.output)


def test_findscu_hears_what_is_wrong(port: int) -> None:
    said = dcmtk("findscu", port, "-d", "-S", *STUDY, "-k", "StudyDate=20270101-20260101")
    assert "a900" in said.output.lower(), said.output
