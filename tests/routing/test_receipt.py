"""A study's receipt: page, API and CSV say the same, from rows."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from routing.models import Delivery, DeliveryState, ProofRequest
from routing.proof.models import ProofState
from routing.receipt import COLUMNS, receipt_of
from studies.models import Study
from tests.api_clients import V1, client_of
from tests.factories import (
    DeliveryFactory,
    DestinationFactory,
    InstanceFactory,
    SeriesFactory,
    StudyFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
ASKED = timezone.now() - timedelta(minutes=5)


@pytest.fixture
def study() -> Study:
    """Two instances at two destinations: one proven, at the other one failed."""
    found: Study = StudyFactory.create()
    series = SeriesFactory.create(study=found)
    archive = DestinationFactory.create(name="Archive", proof="commitment")
    other = DestinationFactory.create(name="=HYPERLINK()", proof="none")
    for _ in range(2):
        instance = InstanceFactory.create(series=series)
        DeliveryFactory.create(
            instance=instance, destination=archive, is_delivered=True, state="confirmed", proof_checked_at=ASKED
        )
        DeliveryFactory.create(instance=instance, destination=other, is_delivered=True)
    Delivery.objects.filter(destination=other, instance=instance).update(
        state=DeliveryState.DEAD, last_error="it was refused", delivered_at=None
    )
    ProofRequest.objects.create(
        destination=archive, study=found, kind="commitment", state=ProofState.PROVEN, transaction_uid="2.25.9",
        asked_at=ASKED, answered_at=ASKED + timedelta(minutes=1), expected=2, proven=2,
    )  # fmt: skip
    return found


def test_the_api_says_who_got_what_when_and_how_it_is_proven(study: Study) -> None:
    answer = client_of("viewer").get(f"{V1}/studies/{study.study_instance_uid}/receipt").json()

    other, archive = answer["destinations"]
    assert (archive["name"], archive["is_proven"], archive["counts"]) == ("Archive", True, {"confirmed": 2})
    line = archive["instances"][0]
    assert (line["proven_by"], line["transaction_uid"]) == ("commitment", "2.25.9")
    assert line["proven_at"] == archive["questions"][0]["answered_at"]
    assert line["status"] == "0x0000 Success"
    assert line["delivered_at"] is not None
    assert (other["is_proven"], other["counts"]) == (False, {"delivered": 1, "dead": 1})
    assert [(one["proven_by"], one["error"]) for one in other["instances"]] == [("", ""), ("", "it was refused")]


def test_the_page_can_be_printed_and_says_the_same(study: Study, client: Client) -> None:
    client.force_login(UserFactory.create(role="viewer"))

    html = client.get(f"/studies/{study.study_instance_uid}/receipt/").content.decode()

    assert "2, by Storage Commitment" in html
    assert "1 not delivered" in html
    assert "it was refused" in html
    assert "2.25.9" in html
    assert (
        f"/studies/{study.study_instance_uid}/receipt/"
        in client.get(f"/studies/{study.study_instance_uid}/").content.decode()
    )


def test_the_csv_has_a_line_for_each_and_no_formula(study: Study, client: Client) -> None:
    client.force_login(UserFactory.create(role="viewer"))

    answer = client.get(f"/studies/{study.study_instance_uid}/receipt.csv")

    header, *lines = csv.reader(StringIO(answer.content.decode()))
    assert tuple(header) == COLUMNS
    assert len(lines) == 4
    assert {line[0] for line in lines} == {"Archive", "'=HYPERLINK()"}
    assert answer["Content-Type"].startswith("text/csv")
    assert study.patient_id not in answer["Content-Disposition"]


def test_a_study_that_went_nowhere_has_an_empty_receipt(client: Client) -> None:
    study = StudyFactory.create()
    client.force_login(UserFactory.create(role="viewer"))

    html = client.get(f"/studies/{study.study_instance_uid}/receipt/").content.decode()

    assert "No rule sent this study anywhere" in html
    assert client.get("/studies/1.2.3/receipt/").status_code == 404
    assert client.get("/studies/1.2.3/receipt.csv").status_code == 404


def test_it_costs_two_queries_whatever_the_study_holds(study: Study, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        receipt_of(study)
