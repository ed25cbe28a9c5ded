"""Pages of users, API keys and one's own account, by what they do."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from gateway.accounts import attempts
from gateway.accounts.models import ApiKey, FailedSignIn, User
from tests.api_clients import V1
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
OWN = "another horse battery"


@pytest.fixture
def person() -> User:
    return UserFactory.create(username="grace", role="operator")


def shown_once(answer: Any) -> str:
    """The one line to copy on a page that says it only once."""
    assert "no-store" in answer.headers["Cache-Control"]
    (found,) = re.findall(r'data-copy="([^"]+)"', answer.content.decode())
    return str(found)


def sign_in(username: str, password: str) -> Client:
    client = Client()
    client.post("/sign-in/", {"username": username, "password": password})
    return client


def test_a_new_user_gets_a_password_that_holds_until_the_first_sign_in(administrator: Client) -> None:
    password = shown_once(administrator.post("/users/new/", {"username": "ada", "role": "operator"}))
    client = sign_in("ada", password)

    assert client.get("/studies/").headers["Location"] == "/account/password/"
    assert client.get("/api/v1/studies").status_code == 403
    assert client.get("/dicom-web/studies").status_code == 403
    assert client.get("/studies/", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    login = APIClient().post(f"{V1}/auth/login", {"username": "ada", "password": password}, format="json")
    assert login.status_code == 401

    given = {"old_password": password, "new_password1": OWN, "new_password2": OWN}
    assert client.post("/account/password/", given).headers["Location"] == "/account/"
    assert client.get("/studies/").status_code == 200
    assert sign_in("ada", password).get("/studies/").status_code == 302


def test_a_forgotten_password_is_replaced_and_who_had_it_is_out(administrator: Client, person: User) -> None:
    inside = sign_in("grace", PASSWORD)

    password = shown_once(administrator.post(f"/users/{person.pk}/password/"))

    assert inside.get("/studies/").status_code == 302
    assert sign_in("grace", PASSWORD).get("/account/").status_code == 302
    assert sign_in("grace", password).get("/account/").headers["Location"] == "/account/password/"


def test_an_administrator_who_replaces_his_own_stays_in(administrator: Client) -> None:
    own = User.objects.get(username="administrator")

    shown_once(administrator.post(f"/users/{own.pk}/password/"))

    assert administrator.get("/users/").headers["Location"] == "/account/password/"


def test_a_role_is_changed_and_nothing_that_the_form_does_not_ask(administrator: Client, person: User) -> None:
    given = {"username": "grace", "role": "viewer", "is_active": "on", "is_superuser": "on", "is_staff": "on"}

    assert administrator.post(f"/users/{person.pk}/", given).status_code == 302

    person.refresh_from_db()
    assert (person.role, person.is_superuser, person.is_staff) == ("viewer", False, False)


def test_who_is_disabled_is_out_at_once(administrator: Client, person: User) -> None:
    inside = sign_in("grace", PASSWORD)

    administrator.post(f"/users/{person.pk}/", {"username": "grace", "role": "operator"})

    assert inside.get("/studies/").status_code == 302
    administrator.post(f"/users/{person.pk}/", {"username": "grace", "role": "operator", "is_active": "on"})
    assert inside.get("/studies/").status_code == 302


@pytest.mark.parametrize("change", [{"role": "viewer", "is_active": "on"}, {"role": "administrator"}])
def test_the_last_administrator_stays_one(administrator: Client, change: dict[str, str]) -> None:
    last = User.objects.get(username="administrator")

    answer = administrator.post(f"/users/{last.pk}/", {"username": "administrator"} | change)

    assert "make somebody else one first" in answer.content.decode()
    administrator.post(f"/users/{last.pk}/delete/")
    assert "make somebody else one first" in administrator.get("/users/").content.decode()
    last.refresh_from_db()
    assert last.is_administrator
    assert last.is_active


def test_only_the_role_says_who_is_an_administrator(administrator: Client) -> None:
    first = User.objects.create_superuser("first", password=PASSWORD, role="administrator")

    administrator.post(f"/users/{first.pk}/", {"username": "first", "role": "viewer", "is_active": "on"})

    first.refresh_from_db()
    assert not first.is_administrator


def test_a_user_is_deleted(administrator: Client, person: User) -> None:
    administrator.post(f"/users/{person.pk}/delete/")

    assert not User.objects.filter(pk=person.pk).exists()


def test_somebody_is_signed_out_everywhere(administrator: Client, person: User) -> None:
    inside = sign_in("grace", PASSWORD)

    administrator.post(f"/users/{person.pk}/sessions/")

    assert inside.get("/studies/").status_code == 302


def test_a_lock_out_is_seen_and_lifted(administrator: Client, person: User) -> None:
    for _ in range(5):
        sign_in("grace", "wrong")
    assert "Locked out" in administrator.get("/users/").content.decode()

    administrator.post(f"/users/lock-outs/{FailedSignIn.objects.get(locked_until__isnull=False).pk}/lift/")

    assert "Locked out" not in administrator.get("/users/").content.decode()
    assert sign_in("grace", PASSWORD).get("/studies/").status_code == 200


def test_one_changes_the_password_and_is_out_everywhere_else(person: User) -> None:
    here, there = sign_in("grace", PASSWORD), sign_in("grace", PASSWORD)
    given = {"old_password": PASSWORD, "new_password1": OWN, "new_password2": OWN}

    assert here.post("/account/password/", given).status_code == 302

    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"old_password": "wrong"}, "not your present password"),
        ({"new_password2": "something else again"}, "match"),
        ({"new_password1": "short", "new_password2": "short"}, "at least 12"),
        ({"new_password1": PASSWORD, "new_password2": PASSWORD}, "another one than the present"),
    ],
)
def test_a_password_that_will_not_do(person: User, given: dict[str, str], words: str) -> None:
    client = sign_in("grace", PASSWORD)
    whole = {"old_password": PASSWORD, "new_password1": OWN, "new_password2": OWN} | given

    assert words in client.post("/account/password/", whole).content.decode()
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_the_present_password_is_not_guessed_in_an_open_session(person: User) -> None:
    client = sign_in("grace", PASSWORD)
    given = {"old_password": "wrong", "new_password1": OWN, "new_password2": OWN}
    for _ in range(5):
        client.post("/account/password/", given)

    answer = client.post("/account/password/", given | {"old_password": PASSWORD})

    assert "Too many attempts" in answer.content.decode()
    assert attempts.locked().count() == 1


def test_one_ends_the_other_sessions(person: User) -> None:
    here, there = sign_in("grace", PASSWORD), sign_in("grace", PASSWORD)

    here.post("/account/sessions/")

    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302


def test_a_key_is_shown_once_and_opens_until_it_is_revoked(administrator: Client) -> None:
    day = timezone.localdate() + timedelta(days=1)
    given = {"name": "ward", "scopes": ["viewer"], "requests_per_minute": 3, "expires_on": day.isoformat()}
    key = shown_once(administrator.post("/api-keys/new/", given))
    program = APIClient(headers={"Authorization": f"Api-Key {key}"})

    assert program.get(f"{V1}/studies").status_code == 200
    listed = administrator.get("/api-keys/").content.decode()
    assert key.split(".")[0] in listed
    assert key.split(".")[1] not in listed
    assert "now</time>" in listed or "s ago</time>" in listed

    administrator.post(f"/api-keys/{key[:8]}/revoke/")
    assert program.get(f"{V1}/studies").status_code == 401
    assert "revoked" in administrator.get("/api-keys/").content.decode()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scopes": []}, "required"),
        ({"scopes": ["root"]}, "Select a valid choice"),
        ({"expires_on": "2001-01-01"}, "This day is past"),
        ({"requests_per_minute": "0"}, "greater than or equal to 1"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(administrator: Client, given: dict[str, Any], words: str) -> None:
    answer = administrator.post("/api-keys/new/", {"name": "ward", "scopes": ["viewer"]} | given)

    assert words in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_django_admin_shows_users_and_changes_none(administrator: Client, person: User) -> None:
    assert "grace" in administrator.get("/admin/accounts/user/").content.decode()
    assert administrator.post(f"/admin/accounts/user/{person.pk}/change/", {"role": "viewer"}).status_code == 403
    assert administrator.post(f"/admin/accounts/user/{person.pk}/delete/").status_code == 403
    assert administrator.get("/admin/password_change/").headers["Location"] == "/account/password/"
