"""What cannot be undone asks for the password again."""

from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from gateway.accounts.models import User
from gateway.accounts.recent_password import ASK_AGAIN, PASSWORD_AT, RECENT_SECONDS
from routing.models import Destination
from tests.factories import PASSWORD, DestinationFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    """Of an administrator who signed in some time ago."""
    client = Client()
    client.force_login(UserFactory.create(username="ada", role="administrator"))
    forget_password(client)
    return client


def forget_password(client: Client, seconds: int = RECENT_SECONDS) -> None:
    session: Any = client.session
    session[PASSWORD_AT] -= seconds
    session.save()


def test_every_page_that_asks_again_exists() -> None:
    names = {str(name) for name in get_resolver().reverse_dict if isinstance(name, str)}

    assert names >= ASK_AGAIN


def test_an_open_session_deletes_nothing(client: Client) -> None:
    destination = DestinationFactory.create()
    page = f"/destinations/{destination.pk}/delete/"

    for answer in (client.get(page), client.post(page)):
        assert answer.headers["Location"] == f"/account/confirm/?next={page}"
    assert Destination.objects.exists()


def test_with_the_password_it_goes_on_where_it_was(client: Client) -> None:
    destination = DestinationFactory.create()
    page = f"/destinations/{destination.pk}/delete/"

    assert "not your password" in client.post(f"/account/confirm/?next={page}", {"password": "x"}).content.decode()
    assert client.post(f"/account/confirm/?next={page}", {"password": PASSWORD}).headers["Location"] == page
    client.post(page)

    assert not Destination.objects.exists()


def test_it_is_recent_for_five_minutes(client: Client) -> None:
    client.post("/account/confirm/", {"password": PASSWORD})
    forget_password(client, RECENT_SECONDS - 60)
    assert client.get("/users/new/").status_code == 200

    forget_password(client, 60)
    assert client.get("/users/new/").status_code == 302


def test_it_is_not_guessed_in_an_open_session(client: Client) -> None:
    for _ in range(5):
        client.post("/account/confirm/", {"password": "wrong"})

    answer = client.post("/account/confirm/", {"password": PASSWORD})

    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_next_elsewhere_is_not_followed(client: Client, following: str) -> None:
    answer = client.post(f"/account/confirm/?next={following}", {"password": PASSWORD})

    assert answer.headers["Location"] == "/"


def test_the_password_of_somebody_else_does_not_do(client: Client) -> None:
    UserFactory.create(username="other").set_password("another horse battery")

    assert client.post("/account/confirm/", {"password": "another horse battery"}).status_code == 200
    assert User.objects.count() == 2


def test_looking_and_ordinary_work_ask_for_nothing(client: Client) -> None:
    destination = DestinationFactory.create()

    for page in ("/users/", "/destinations/", f"/destinations/{destination.pk}/", "/account/password/", "/api-keys/"):
        assert client.get(page).status_code == 200
