"""Saved filters of the study list: each person's own, and never an address that leads elsewhere."""

from urllib.parse import urlencode

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from gateway.accounts.models import User
from gateway.portal.models import SavedFilter
from tests.factories import StudyFactory, UserFactory

pytestmark = pytest.mark.django_db


def save(client: Client, name: str, query: str) -> str:
    return client.post("/studies/filters/", {"name": name, "query": query}, follow=True).content.decode()


def kept() -> dict[str, str]:
    return dict(SavedFilter.objects.values_list("name", "query"))


def test_filters_are_saved_shown_and_deleted(viewer: Client) -> None:
    assert "Saved as “CT today”." in save(viewer, "CT today", "modality=CT&received=today&page=3&csrf=x")

    saved = SavedFilter.objects.get()
    assert saved.query == "modality=CT&received=today"
    html = viewer.get(f"/studies/?{saved.query}").content.decode()
    assert 'href="/studies/?modality=CT&amp;received=today" aria-current="true">CT today</a>' in html
    answer = viewer.post(f"/studies/filters/{saved.pk}/delete/", {"query": saved.query})
    assert answer.headers["Location"] == "/studies/?modality=CT&received=today"
    assert kept() == {}


def test_the_same_name_is_written_anew(viewer: Client) -> None:
    save(viewer, "mine", "q=a")
    save(viewer, " mine ", "q=b&ordering=patient_name")

    assert kept() == {"mine": "q=b&ordering=patient_name"}


@pytest.mark.parametrize(
    ("name", "query", "words"),
    [
        ("", "q=a", "Give the filter a name."),
        ("\x00 \x07", "q=a", "Give the filter a name."),
        ("x", "", "nothing to save yet"),
        ("x", "study_date_from=never&tier=lukewarm&next=//evil.example", "nothing to save yet"),
    ],
)
def test_what_makes_no_sense_is_not_saved(viewer: Client, name: str, query: str, words: str) -> None:
    assert words in save(viewer, name, query)
    assert kept() == {}


def test_there_is_a_bound(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.portal.saved_filters.MAXIMUM", 1)
    save(viewer, "one", "q=a")

    assert "cannot be saved" in save(viewer, "two", "q=b")
    assert "Saved as" in save(viewer, "one", "q=c")
    assert kept() == {"one": "q=c"}


def test_the_bare_list_begins_with_the_default_and_the_filters_can_be_cleared(viewer: Client) -> None:
    StudyFactory.create(patient_name="Aalto")
    StudyFactory.create(patient_name="Berg")
    save(viewer, "A", "q=aalto")
    save(viewer, "B", "q=berg")
    first, second = SavedFilter.objects.order_by("name")
    viewer.post(f"/studies/filters/{first.pk}/default/")
    viewer.post(f"/studies/filters/{second.pk}/default/")

    assert viewer.get("/studies/").headers["Location"] == "/studies/?q=berg"
    everything = viewer.get("/studies/?view=all")
    assert everything.context["paginator"].count == 2
    assert 'name="view" value="all"' in everything.content.decode()
    assert 'href="/studies/?view=all">' in viewer.get("/studies/?q=none").content.decode()
    assert viewer.get("/studies/", headers={"HX-Request": "true"}).status_code == 200
    viewer.post(f"/studies/filters/{second.pk}/default/")
    assert viewer.get("/studies/").status_code == 200


def test_only_ones_own(viewer: Client, operator: Client) -> None:
    save(operator, "theirs", "q=a")
    saved = SavedFilter.objects.get()

    assert "theirs" not in viewer.get("/studies/").content.decode()
    assert viewer.post(f"/studies/filters/{saved.pk}/delete/").status_code == 404
    assert viewer.post(f"/studies/filters/{saved.pk}/default/").status_code == 404
    assert viewer.get(f"/studies/filters/{saved.pk}/delete/").status_code == 405


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "'; DROP TABLE x", "\u202egnp.exe"],
)
def test_hostile_text_in_name_and_filter_is_text(viewer: Client, hostile: str) -> None:
    query = urlencode({"q": hostile})
    html = save(viewer, hostile, query)

    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "49" not in html.split('id="chips"')[1].split("</ul>")[0]
    assert SavedFilter.objects.get().query == query
    assert viewer.get(f"/studies/?{SavedFilter.objects.get().query}").context["form"].cleaned_data["q"] == hostile


@pytest.mark.parametrize(
    "query", ["//evil.example/?q=1", "https://evil.example/?q=1", "\r\nLocation: //evil.example&q=1"]
)
def test_no_address_leads_elsewhere(viewer: Client, query: str) -> None:
    answer = viewer.post("/studies/filters/", {"name": "x", "query": query})

    assert answer.headers["Location"].startswith("/studies/?")
    assert "evil" not in answer.headers["Location"]


def test_the_database_keeps_to_one_default() -> None:
    person: User = UserFactory.create()
    SavedFilter.objects.create(user=person, name="a", query="q=a", is_default=True)

    with pytest.raises(IntegrityError), transaction.atomic():
        SavedFilter.objects.create(user=person, name="b", query="q=b", is_default=True)
