from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from gateway.accounts.models import User
from studies.models import StudyLabel
from studies.portal.forms import dates_of, ordering_of, page_size_of
from studies.portal.pages import COUNTED, StudyPages
from tests.factories import DeliveryFactory, StudyFactory


def names(client: Client, query: str) -> list[str]:
    answer = client.get(f"/studies/?{query}")
    assert answer.status_code == 200
    return [study.patient_name for study in answer.context["page_obj"]]


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
    assert len(answer.context["page_obj"]) == 1


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

    assert len(answer.context["page_obj"]) == 5
    assert "30 of 30" in answer.content.decode()
    assert 'href="?page_size=25&amp;page=1"' in answer.content.decode()


def test_empty_list_tells_apart_none_yet_and_none_found(viewer: Client) -> None:
    assert "No study is stored yet" in viewer.get("/studies/").content.decode()
    assert "No study matches these filters" in viewer.get("/studies/?q=x").content.decode()


def test_values_are_shown_as_people_read_them(viewer: Client) -> None:
    StudyFactory.create(patient_name="Berg^<b>Finn", patient_birth_date="19700131", study_date="20261120")

    html = viewer.get("/studies/").content.decode()

    for shown in ("Berg, &lt;b&gt;Finn", "1970-01-31", "2026-11-20"):
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


@pytest.mark.parametrize(
    ("sender", "found"),
    [
        ("CT_ROOM1", ["Aalto"]),
        ("ct_room1", ["Aalto"]),
        ("CT_ROOM", []),
        ("ct*", ["Aalto", "Berg"]),
        ("CT?ROOM2", ["Berg"]),
        ("CT_ROOM_", []),
        ("%", []),
    ],
)
def test_sender_is_whole_or_has_wildcards(viewer: Client, sender: str, found: list[str]) -> None:
    for name, title in (("Aalto", "CT_ROOM1"), ("Berg", "CT_ROOM2"), ("Cruz", "MR1")):
        StudyFactory.create(patient_name=name, calling_ae_title=title)

    assert sorted(names(viewer, f"sender={sender}".replace("%", "%25"))) == found


def test_received_today_moves_and_dates_are_whole_days(viewer: Client) -> None:
    now = timezone.now()
    StudyFactory.create(patient_name="Now")
    StudyFactory.create(patient_name="Old", received_at=datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC))
    StudyFactory.create(patient_name="Week", received_at=now - timedelta(days=4))

    assert names(viewer, "received=today") == ["Now"]
    assert names(viewer, "received=7d") == ["Now", "Week"]
    assert names(viewer, "received_from=2026-03-01&received_to=2026-03-01") == ["Old"]
    assert names(viewer, "received_to=2026-02-28") == []
    assert names(viewer, "received=today&received_to=2026-03-01") == ["Now"]


@pytest.mark.parametrize("query", ["received_from=0001-01-01", "received_to=9999-12-31", "received_from=9999-12-31"])
def test_the_first_and_the_last_day_that_there_are(viewer: Client, query: str) -> None:
    assert names(viewer, query) == []


def test_label_tier_and_completeness(viewer: Client) -> None:
    labelled = StudyFactory.create(patient_name="Aalto", tier="cold", completed_at=timezone.now())
    StudyFactory.create(patient_name="Berg")
    StudyLabel.objects.create(study=labelled, label="For teaching", given_by="rule")

    assert names(viewer, "label=for+TEACHING") == ["Aalto"]
    assert names(viewer, "label=for") == []
    assert names(viewer, "tier=cold") == ["Aalto"]
    assert names(viewer, "completeness=complete") == ["Aalto"]
    assert names(viewer, "completeness=incoming") == ["Berg"]
    assert names(viewer, "completeness=nonsense") == ["Berg", "Aalto"]


def test_state_of_the_deliveries(viewer: Client) -> None:
    for name, state in (("Failed", "dead"), ("Waiting", "pending"), ("Done", "delivered"), ("Proven", "confirmed")):
        DeliveryFactory.create(state=state, instance__series__study__patient_name=name)
    half = DeliveryFactory.create(state="delivered", instance__series__study__patient_name="Half")
    DeliveryFactory.create(state="dead", instance__series=half.instance.series)
    StudyFactory.create(patient_name="Nowhere")

    assert sorted(names(viewer, "deliveries=failed")) == ["Failed", "Half"]
    assert names(viewer, "deliveries=waiting") == ["Waiting"]
    assert sorted(names(viewer, "deliveries=delivered")) == ["Done", "Proven"]


def test_columns_are_kept_for_each_person(viewer: Client, operator: Client) -> None:
    StudyLabel.objects.create(study=StudyFactory.create(), label="urgent <b>", given_by="rule")
    assert '<th scope="col">Labels</th>' not in viewer.get("/studies/").content.decode()

    answer = viewer.post("/studies/columns/", {"column": ["labels", "tier", "password"], "query": "q=urg&page=9&x=1"})

    assert answer.headers["Location"] == "/studies/?q=urg"
    html = viewer.get("/studies/").content.decode()
    assert "urgent &lt;b&gt;</span>" in html
    assert "Accession</th>" not in html
    assert User.objects.get(role="viewer").list_columns == {"studies": ["tier", "labels"]}
    assert '<th scope="col">Labels</th>' not in operator.get("/studies/").content.decode()
    viewer.post("/studies/columns/", {"usual": "1"})
    assert '<th scope="col">Labels</th>' not in viewer.get("/studies/").content.decode()


def test_a_filter_whose_column_is_hidden_is_in_the_menu(viewer: Client) -> None:
    StudyFactory.create()
    viewer.post("/studies/columns/", {"column": ["study_date"]})

    html = viewer.get("/studies/?sender=CT*&modality=CT").content.decode()

    for name in ("sender", "deliveries", "patient_id", "accession_number", "description"):
        assert html.count(f'name="{name}"') == 1
    assert html.count('name="modality" value="CT"') == 1
    assert '<span class="tab-count">2</span>' in html


@pytest.mark.parametrize(
    "query", ["//evil.example/", "https://evil.example/?q=1", "%0d%0aSet-Cookie:x=1", "q=%0d%0aX:1"]
)
def test_the_way_back_leads_to_the_list_alone(viewer: Client, query: str) -> None:
    answer = viewer.post("/studies/columns/", {"usual": "1", "query": query})

    assert answer.headers["Location"].split("?")[0] == "/studies/"
    assert "evil" not in answer.headers["Location"]
    assert "\n" not in answer.headers["Location"]


def test_a_filtered_list_is_counted_to_a_bound(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    StudyFactory.create_batch(26, patient_name="Aalto")
    monkeypatch.setattr("studies.portal.pages.COUNTED", 25)

    html = viewer.get("/studies/?patient_name=aalto&page_size=25").content.decode()

    assert "25 of more than 25" in html
    assert ">25+</span>" in html
    assert ">26</span>" in viewer.get("/studies/").content.decode()
    assert COUNTED == 10_000
    assert StudyPages.is_filtered is False
