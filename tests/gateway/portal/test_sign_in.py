import pytest
from django.test import Client

from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def test_page_without_session_leads_to_sign_in_and_back(client: Client) -> None:
    UserFactory(username="jo")

    there = client.get("/studies/?q=a")
    assert there.headers["Location"] == "/sign-in/?next=/studies/%3Fq%3Da"
    back = client.post(there.headers["Location"], {"username": "jo", "password": PASSWORD, "next": "/studies/?q=a"})

    assert back.headers["Location"] == "/studies/?q=a"


@pytest.mark.parametrize("username", ["jo", "nobody"])
def test_wrong_name_and_wrong_password_read_the_same(client: Client, username: str) -> None:
    UserFactory(username="jo")

    answer = client.post("/sign-in/", {"username": username, "password": "wrong"})

    assert answer.status_code == 200
    assert "do not belong together" in answer.content.decode()


def test_inactive_person_is_refused_in_the_same_words(client: Client) -> None:
    UserFactory(username="jo", is_active=False)

    answer = client.post("/sign-in/", {"username": "jo", "password": PASSWORD})

    assert "do not belong together" in answer.content.decode()


def test_next_elsewhere_is_not_followed(client: Client) -> None:
    UserFactory(username="jo")

    answer = client.post("/sign-in/?next=https://evil.example/", {"username": "jo", "password": PASSWORD})

    assert answer.headers["Location"] == "/"


def test_sign_out_ends_the_session(viewer: Client) -> None:
    assert viewer.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert viewer.get("/").status_code == 302


def test_sign_out_by_a_link_is_refused(viewer: Client) -> None:
    assert viewer.get("/sign-out/").status_code == 405


def test_live_part_after_the_session_ended_reloads_the_page(client: Client) -> None:
    answer = client.get("/sign-in/?next=/", headers={"HX-Request": "true"})

    assert answer.headers["HX-Refresh"] == "true"
