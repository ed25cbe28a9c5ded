from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from studies.portal.forms import dates_of, ordering_of, page_size_of
from tests.factories import StudyFactory


def names(client: Client, query: str) -> list[str]:
    answer = client.get(f"/studies/?{query}")
    assert answer.status_code == 200
    return [study.patient_name for study, _ in answer.context["rows"]]


def test_filters_of_the_address(viewer: Client) -> None:
    StudyFactory.create(patient_name="Aalto^Eva", modalities_in_study="\\CT\\", accession_number="A1")
    StudyFactory.create(patient_name="Berg^Finn", modalities_in_study="\\MR\\SR\\", accession_number="B2")

    assert names(viewer, "patient_name=finn") == ["Berg^Finn"]
    assert names(viewer, "modality=CT") == ["Aalto^Eva"]
    assert sorted(names(viewer, "modality=CT&modality=SR")) == ["Aalto^Eva", "Berg^Finn"]
    assert names(viewer, "q=b2") == ["Berg^Finn"]
    assert names(viewer, "accession_number=b*2&ordering=patient_name") == ["Berg^Finn"]


def test_period_moves_with_the_calendar(viewer: Client) -> None:
    today = timezone.localdate()
    StudyFactory.create(patient_name="Today", study_date=f"{today:%Y%m%d}")
    StudyFactory.create(patient_name="Older", study_date=f"{today - timedelta(days=7):%Y%m%d}")

    assert names(viewer, "period=today") == ["Today"]
    assert names(viewer, "period=7d") == ["Today"]
    assert sorted(names(viewer, "period=30d")) == ["Older", "Today"]


def test_date_that_is_none_is_told_and_filters_nothing(viewer: Client) -> None:
    StudyFactory.create()

    answer = viewer.get("/studies/?study_date_from=2026-13-45")

    assert "Study date from: Enter a valid date." in answer.content.decode()
    assert len(answer.context["rows"]) == 1


def test_sorting_by_each_header(viewer: Client) -> None:
    for name in ("Berg", "Aalto", "Cruz"):
        StudyFactory.create(patient_name=name)

    assert names(viewer, "ordering=patient_name") == ["Aalto", "Berg", "Cruz"]
    assert names(viewer, "ordering=-patient_name") == ["Cruz", "Berg", "Aalto"]
    assert names(viewer, "ordering=password") == ["Cruz", "Aalto", "Berg"]
    html = viewer.get("/studies/?ordering=patient_name&q=a").content.decode()
    assert 'aria-sort="ascending"><a class="sort" href="?q=a&amp;ordering=-patient_name"' in html


def test_pages_of_the_list(viewer: Client) -> None:
    StudyFactory.create_batch(30)

    answer = viewer.get("/studies/?page_size=25&page=2")

    assert len(answer.context["rows"]) == 5
    assert "30 of 30" in answer.content.decode()
    assert 'href="?page_size=25&amp;page=1"' in answer.content.decode()


def test_empty_list_tells_apart_none_yet_and_none_found(viewer: Client) -> None:
    assert "No study is stored yet" in viewer.get("/studies/").content.decode()
    assert "No study matches these filters" in viewer.get("/studies/?q=x").content.decode()


def test_values_are_shown_as_people_read_them(viewer: Client) -> None:
    StudyFactory.create(
        patient_name="Berg^<b>Finn", patient_birth_date="19700131", study_date="20261120", size_bytes=1_500_000
    )

    html = viewer.get("/studies/").content.decode()

    for shown in ("Berg, &lt;b&gt;Finn", "1970-01-31", "2026-11-20", "1.5 MB"):
        assert shown in html


@pytest.mark.parametrize(("wanted", "size"), [("25", 25), ("100", 100), ("7", 50), ("", 50), ("x", 50)])
def test_page_size(wanted: str, size: int) -> None:
    assert page_size_of(wanted) == size


def test_ordering_ends_with_the_primary_key() -> None:
    assert ordering_of("-size") == ("-size", ["-size_bytes", "-pk"])
    assert ordering_of("")[0] == "-received"


def test_dates_of_a_period() -> None:
    assert dates_of("7d", date(2026, 11, 21)) == (date(2026, 11, 15), date(2026, 11, 21))
    assert dates_of("yesterday", date(2026, 11, 21)) == (date(2026, 11, 20), date(2026, 11, 20))
