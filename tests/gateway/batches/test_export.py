"""Studies as CSV: all that match, line by line, and no formula in it."""

import csv
import io

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gateway.accounts.models import Role
from studies.models import StudyLabel
from tests.factories import DeliveryFactory, StudyFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(UserFactory.create(role=Role.VIEWER))
    return client


def table(client: Client, **given: object) -> list[dict[str, str]]:
    answer = client.post("/studies/batch/", {"action": "csv", **given})
    assert answer["Content-Disposition"] == 'attachment; filename="studies.csv"'
    assert answer["Cache-Control"] == "private, no-store"
    assert answer.streaming
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_chosen_studies_with_what_became_of_them(viewer: Client) -> None:
    delivery = DeliveryFactory.create(has_failed=True)
    study = delivery.instance.series.study
    StudyLabel.objects.create(study=study, label="teaching", given_by="rule")
    StudyFactory.create()

    (row,) = table(viewer, study=[str(study)])

    assert row["StudyInstanceUID"] == str(study)
    assert row["Labels"] == "teaching"
    assert (row["DeliveriesDone"], row["DeliveriesFailed"]) == ("0", "1")


def test_all_that_match_in_the_order_of_the_list(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.batches.export._CHUNK", 2)
    for name in ("Cruz", "Aalto", "Berg", "Dahl", "Other"):
        StudyFactory.create(patient_name=name, accession_number="X" if name == "Other" else "A1")

    rows = table(viewer, all="1", query="accession_number=a1&ordering=-patient_name&page=7")

    assert [row["PatientName"] for row in rows] == ["Dahl", "Cruz", "Berg", "Aalto"]


@pytest.mark.parametrize(
    "hostile",
    [
        '=HYPERLINK("http://evil.example")',
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        " =1+1",
        "\t=1",
        "\r=1",
        "\n=1",
    ],
)
def test_no_cell_is_a_formula(viewer: Client, hostile: str) -> None:
    study = StudyFactory.create(patient_name=hostile, study_description=hostile, calling_ae_title=hostile[:16])
    StudyLabel.objects.create(study=study, label=hostile, given_by="rule")

    (row,) = table(viewer, all="1")

    assert row["PatientName"] == f"'{hostile}"
    for column in ("StudyDescription", "SendingAETitle", "Labels"):
        assert row[column].startswith("'")


@pytest.mark.parametrize(
    "text", ['a "quoted", line\nbreak', "Müller^Jörg=山田^太郎", "<script>", "%0d%0a", "\u202eabc", "a;b"]
)
def test_everything_else_comes_back_as_it_was(viewer: Client, text: str) -> None:
    StudyFactory.create(patient_name=text)

    assert table(viewer, all="1")[0]["PatientName"] == text


def test_what_it_asks_the_database_does_not_grow_with_its_lines(viewer: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            table(viewer, all="1")
        return len(captured)

    StudyFactory.create_batch(2)
    few = queries()
    StudyFactory.create_batch(20)
    assert queries() == few
