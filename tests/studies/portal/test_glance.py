"""A study's row unfolded, other studies of its patient, and labels by hand."""

import pytest
from django.test import Client

from studies.models import StudyLabel
from studies.portal.glance import SERIES_SHOWN
from tests.factories import SeriesFactory, StudyFactory


def html(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_series_with_pictures_where_there_are_some(viewer: Client) -> None:
    study = StudyFactory.create(number_of_study_related_series=2)
    image = SeriesFactory.create(study=study, series_description="Thin <b>slices")
    report = SeriesFactory.create(study=study, modality="SR", series_number="9")

    fragment = html(viewer, f"/studies/{study}/glance/")

    assert "<html" not in fragment
    assert f"/series/{image}/thumbnail" in fragment
    assert f"/series/{report}/thumbnail" not in fragment
    assert "Thin &lt;b&gt;slices" in fragment
    assert "more series" not in fragment
    study.tier = "cold"
    study.save()
    assert "thumbnail" not in html(viewer, f"/studies/{study}/glance/").replace("data-thumbnail", "")


def test_many_series_are_bounded(viewer: Client) -> None:
    study = StudyFactory.create(number_of_study_related_series=SERIES_SHOWN + 2)
    SeriesFactory.create_batch(SERIES_SHOWN + 2, study=study)

    assert "2 more series" in html(viewer, f"/studies/{study}/glance/")


@pytest.mark.parametrize("page", ["glance", "others"])
def test_other_studies_are_of_the_same_identifier_and_issuer(viewer: Client, page: str) -> None:
    patient = {"patient_id": "P1", "issuer_of_patient_id": "HOSPITAL", "patient_name": "Berg^Eva"}
    study = StudyFactory.create(**patient)
    same = StudyFactory.create(**patient, study_description="Before")
    others = [
        StudyFactory.create(**patient | {"issuer_of_patient_id": "OTHER"}),
        StudyFactory.create(**patient | {"issuer_of_patient_id": ""}),
        StudyFactory.create(**patient | {"patient_id": "p1"}),
        StudyFactory.create(**patient | {"patient_id": "P"}),
    ]

    fragment = html(viewer, f"/studies/{study}/{page}/")

    assert f"/studies/{same}/" in fragment
    assert not [other for other in others if f"/studies/{other}/" in fragment]


@pytest.mark.parametrize("page", ["glance", "others"])
def test_without_an_identifier_there_are_no_others(viewer: Client, page: str) -> None:
    study, other = StudyFactory.create_batch(2, patient_id="", patient_name="Berg^Eva")

    assert f"/studies/{other}/" not in html(viewer, f"/studies/{study}/{page}/")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"patient_name": "Aalto^Eva"}, "other name"),
        ({"patient_birth_date": "19800101"}, "other birth date"),
        ({"patient_name": "BERG^eva"}, ""),
        ({"patient_birth_date": ""}, ""),
    ],
)
def test_what_differs_under_one_identifier_is_told(viewer: Client, other: dict[str, str], said: str) -> None:
    patient = {"patient_id": "P1", "patient_name": "Berg^Eva", "patient_birth_date": "19700101"}
    study = StudyFactory.create(**patient)
    StudyFactory.create(**patient | other)

    fragment = html(viewer, f"/studies/{study}/others/")

    assert said in fragment
    assert ("is-warn" in fragment) is bool(said)


def test_labels_are_given_and_taken_on_the_page(operator: Client, viewer: Client) -> None:
    study = StudyFactory.create()
    StudyLabel.objects.create(study=study, label="from a rule", given_by="CT")
    address = f"/studies/{study}/labels/"

    page = operator.post(address, {"label": "  for\x00 teaching "}, follow=True).content.decode()

    assert "Labelled “for teaching”." in page
    assert 'title="Given by operator"' in page
    assert 'title="Given by the rule CT"' in page
    assert "already" in operator.post(address, {"label": "FOR teaching"}, follow=True).content.decode()
    assert "Write a label" in operator.post(address, {"label": "\x07"}, follow=True).content.decode()
    assert "is off" in operator.post(f"{address}remove/", {"label": "for teaching"}, follow=True).content.decode()
    assert [label.label for label in StudyLabel.objects.all()] == ["from a rule"]
    assert viewer.post(address, {"label": "x"}).status_code == 403
    assert viewer.post(f"{address}remove/", {"label": "from a rule"}).status_code == 403
    page = html(viewer, f"/studies/{study}/")
    assert "from a rule" in page
    assert "New label" not in page


def test_a_legal_hold_is_for_administrators_to_end(operator: Client, administrator: Client) -> None:
    study = StudyFactory.create()
    operator.post(f"/studies/{study}/labels/", {"label": "Legal hold"})
    address = f"/studies/{study}/labels/remove/"

    assert "Only administrators" in operator.post(address, {"label": "legal hold"}, follow=True).content.decode()
    assert StudyLabel.objects.count() == 1
    administrator.post(address, {"label": "legal hold"})
    assert not StudyLabel.objects.exists()
