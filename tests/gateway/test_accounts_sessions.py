"""When a session ends, and what keeps it alive."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as live
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from gateway.accounts.models import User
from gateway.accounts.people import end_sessions
from gateway.accounts.sessions import ACTIVE_AT, SIGNED_IN_AT
from gateway.accounts.tasks import sweep
from tests.api_clients import V1, client_of
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/destinations/"


@pytest.fixture
def person() -> User:
    return UserFactory.create(username="grace", role="viewer")


@pytest.fixture
def client(person: User) -> Client:
    client = Client()
    client.post("/sign-in/", {"username": "grace", "password": PASSWORD})
    return client


def grow_older(client: Client, *, minutes: int = 0, of: tuple[str, ...] = (ACTIVE_AT,)) -> None:
    session: Any = client.session
    for name in of:
        session[name] -= minutes * 60
    session.save()


def is_in(client: Client, **headers: str) -> bool:
    return client.get(PAGE, headers=headers).status_code == 200


def test_it_ends_after_half_an_hour_without_activity(client: Client) -> None:
    grow_older(client, minutes=29)
    assert is_in(client)

    grow_older(client, minutes=30)
    answer = client.get(PAGE)

    assert answer.headers["Location"] == f"/sign-in/?next={PAGE}"
    assert not Session.objects.exists()


def test_a_click_keeps_it_alive_and_a_poll_does_not(client: Client) -> None:
    for _ in range(3):
        grow_older(client, minutes=20)
        assert is_in(client)

    grow_older(client, minutes=20)
    assert is_in(client, **{"X-Poll": "1", "HX-Request": "true"})
    grow_older(client, minutes=20)

    assert not is_in(client, **{"X-Poll": "1"})


def test_activity_within_a_minute_writes_nothing(client: Client) -> None:
    before = client.session[ACTIVE_AT]
    grow_older(client, minutes=0)

    assert is_in(client)

    assert client.session[ACTIVE_AT] == before


def test_it_ends_after_twelve_hours_of_work(client: Client) -> None:
    grow_older(client, minutes=12 * 60, of=(SIGNED_IN_AT,))

    assert not is_in(client)


def test_the_limits_are_settings(client: Client, settings: Settings) -> None:
    settings.GANTRY = replace(settings.GANTRY, session_idle_minutes=120)
    grow_older(client, minutes=119)

    assert is_in(client)


def test_one_that_began_before_there_were_limits_ends(client: Client) -> None:
    session: Any = client.session
    del session[SIGNED_IN_AT]
    session.save()

    assert not is_in(client)


def test_its_key_is_another_after_signing_in(person: User) -> None:
    client = Client()
    client.force_login(person)
    before = client.session.session_key

    client.post("/sign-out/")
    client.post("/sign-in/", {"username": "grace", "password": PASSWORD})

    assert client.session.session_key not in {None, before}
    assert not Session.objects.filter(session_key=before).exists()


def test_a_key_that_somebody_else_chose_is_not_taken(person: User) -> None:
    client = Client()
    client.cookies[live.SESSION_COOKIE_NAME] = "chosenbysomebodyelse0000000000ab"

    client.post("/sign-in/", {"username": "grace", "password": PASSWORD})

    assert client.cookies[live.SESSION_COOKIE_NAME].value != "chosenbysomebodyelse0000000000ab"


def test_who_is_disabled_is_out_and_stays_out(client: Client, person: User) -> None:
    administrator = client_of("administrator")
    refresh = APIClient().post(f"{V1}/auth/login", {"username": "grace", "password": PASSWORD}, format="json").json()
    path = f"{V1}/users/{person.pk}"

    administrator.patch(path, {"is_active": False}, format="json")
    assert not is_in(client)
    administrator.patch(path, {"is_active": True}, format="json")

    assert not is_in(client)
    renewed = APIClient().post(f"{V1}/auth/refresh", {"refresh": refresh["refresh"]}, format="json")
    assert renewed.status_code == 401


def test_another_password_ends_it(client: Client, person: User) -> None:
    client_of("administrator").patch(f"{V1}/users/{person.pk}", {"password": "another horse battery"}, format="json")

    assert not is_in(client)


def test_all_of_one_person_end_and_no_others(client: Client, person: User) -> None:
    other = client_of("viewer")

    end_sessions(person)

    assert not is_in(client)
    assert is_in(other)


@pytest.mark.parametrize("is_secure", [True, False])
def test_the_cookie(person: User, is_secure: bool) -> None:
    client = Client()

    client.get("/sign-in/", secure=is_secure)
    client.post("/sign-in/", {"username": "grace", "password": PASSWORD}, secure=is_secure)

    prefix = "__Host-" if is_secure else ""
    session, csrf = (client.cookies[prefix + name] for name in (live.SESSION_COOKIE_NAME, live.CSRF_COOKIE_NAME))
    assert (session["path"], session["domain"], csrf["path"], csrf["domain"]) == ("/", "", "/", "")
    assert session["httponly"]
    assert (session["samesite"], csrf["samesite"]) == ("Lax", "Lax")
    assert (bool(session["secure"]), bool(csrf["secure"])) == (is_secure, is_secure)
    assert session["max-age"] == 12 * 3600


def test_over_https_it_is_of_this_host_alone(person: User) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get("/sign-in/", secure=True)
    token = client.cookies["__Host-csrftoken"].value
    given = {"username": "grace", "password": PASSWORD, "csrfmiddlewaretoken": page.context["csrf_token"]}
    headers = {"Referer": "https://testserver/sign-in/"}
    assert token
    assert client.post("/sign-in/", given, secure=True, headers=headers).status_code == 302
    assert client.get(PAGE, secure=True).status_code == 200

    # What another host of the domain, or a page without HTTPS, may have set is not looked at.
    client.cookies[live.SESSION_COOKIE_NAME] = client.cookies.pop("__Host-sessionid").value
    assert client.get(PAGE, secure=True).status_code == 302


def test_signing_out_over_https_takes_the_cookie_back(person: User) -> None:
    client = Client()
    client.post("/sign-in/", {"username": "grace", "password": PASSWORD}, secure=True)
    client.post("/sign-out/", secure=True)

    cookie = client.cookies["__Host-sessionid"]
    assert (cookie.value, cookie["max-age"], bool(cookie["secure"])) == ("", 0, True)


@pytest.mark.parametrize("path", ["/sign-in/", "/dicom-web/studies"])
def test_browsers_are_told_to_come_by_https_over_https_alone(path: str) -> None:
    assert Client().get(path, secure=True).headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in Client().get(path).headers


def test_what_has_ended_is_removed(client: Client, person: User) -> None:
    APIClient().post(f"{V1}/auth/login", {"username": "grace", "password": PASSWORD}, format="json")
    sweep()
    assert (Session.objects.count(), OutstandingToken.objects.count()) == (1, 1)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    OutstandingToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    sweep()

    assert (Session.objects.count(), OutstandingToken.objects.count()) == (0, 0)
