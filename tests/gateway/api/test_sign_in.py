"""Tokens for a name and a password, and what ends them."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from gateway.accounts.models import ApiKey, User
from tests.api_clients import V1, client_of, key_client
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
ME = f"{V1}/auth/me"


@pytest.fixture
def person() -> User:
    return UserFactory.create(username="grace", role="operator")


def sign_in(**given: str) -> Any:
    return APIClient().post(f"{V1}/auth/login", {"username": "grace", "password": PASSWORD} | given, format="json")


def me(token: str) -> Any:
    return APIClient().get(ME, headers={"Authorization": f"Bearer {token}"})


def test_a_token_for_name_and_password(person: User) -> None:
    tokens = sign_in().json()

    assert set(tokens) == {"access", "refresh"}
    assert me(tokens["access"]).json() == {"username": "grace", "role": "operator", "is_api_key": False}
    person.refresh_from_db()
    assert person.last_login is not None


@pytest.mark.parametrize("given", [{"password": "wrong"}, {"username": "nobody"}])
def test_a_wrong_name_or_password_is_not_told_apart(person: User, given: dict[str, str]) -> None:
    response = sign_in(**given)

    assert response.status_code == 401
    assert response.json()["detail"] == "User name or password is wrong."


def test_a_user_who_is_not_active_is_not_told_apart_either(person: User) -> None:
    User.objects.update(is_active=False)

    assert sign_in().json()["detail"] == "User name or password is wrong."


def test_signing_in_takes_no_other_fields(person: User) -> None:
    assert sign_in(role="administrator").status_code == 400


def test_a_token_is_renewed(person: User) -> None:
    refresh = sign_in().json()["refresh"]

    renewed = APIClient().post(f"{V1}/auth/refresh", {"refresh": refresh}, format="json").json()

    assert me(renewed["access"]).status_code == 200


def test_signing_out_ends_the_refresh_token(person: User) -> None:
    refresh = {"refresh": sign_in().json()["refresh"]}

    assert APIClient().post(f"{V1}/auth/logout", refresh, format="json").status_code == 204

    assert APIClient().post(f"{V1}/auth/refresh", refresh, format="json").status_code == 401
    assert APIClient().post(f"{V1}/auth/logout", refresh, format="json").status_code == 401


def test_expired_tokens_are_not_kept(person: User) -> None:
    sign_in()
    OutstandingToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    sign_in()

    assert OutstandingToken.objects.count() == 1


def test_a_new_password_ends_what_was_signed_in_with_the_old_one(person: User) -> None:
    tokens = sign_in().json()

    person.set_password("another horse battery")
    person.save()

    assert me(tokens["access"]).status_code == 401
    renewal = APIClient().post(f"{V1}/auth/refresh", {"refresh": tokens["refresh"]}, format="json")
    assert renewal.status_code == 401


@pytest.mark.parametrize("end", ["delete", "deactivate"])
def test_a_user_who_is_gone_renews_nothing(person: User, end: str) -> None:
    tokens = sign_in().json()

    if end == "delete":
        person.delete()
    else:
        User.objects.update(is_active=False)

    assert me(tokens["access"]).status_code == 401
    renewal = APIClient().post(f"{V1}/auth/refresh", {"refresh": tokens["refresh"]}, format="json")
    assert renewal.status_code == 401


def forged(person: User, **claims: Any) -> str:
    payload = AccessToken.for_user(person).payload | claims
    return jwt.encode(payload, "x" * 64, algorithm="HS256")


def test_a_forged_token_is_refused(person: User) -> None:
    assert me(forged(person)).status_code == 401


def test_a_token_without_signature_is_refused(person: User) -> None:
    payload = AccessToken.for_user(person).payload

    assert me(jwt.encode(payload, "", algorithm="none")).status_code == 401


def test_an_expired_token_is_refused(person: User) -> None:
    token = AccessToken.for_user(person)
    token.set_exp(from_time=timezone.now() - timedelta(hours=1))

    assert me(str(token)).status_code == 401


def test_a_refresh_token_opens_nothing(person: User) -> None:
    assert me(str(RefreshToken.for_user(person))).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\x00"])
def test_nonsense_is_refused(person: User, token: str) -> None:
    renewal = APIClient().post(f"{V1}/auth/refresh", {"refresh": token}, format="json")

    assert renewal.status_code in {400, 401}
    assert renewal["Content-Type"] == "application/problem+json"


def test_a_change_of_role_counts_at_once(person: User) -> None:
    token = sign_in().json()["access"]

    User.objects.update(role="viewer")

    assert me(token).json()["role"] == "viewer"


def test_a_session_needs_the_csrf_token() -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(UserFactory.create(role="administrator"))

    assert client.post(f"{V1}/destinations", {}, format="json").status_code == 403


def test_an_api_key_is_somebody() -> None:
    assert key_client("viewer", "operator").get(ME).json() == {
        "username": "API key test program",
        "role": "operator",
        "is_api_key": True,
    }


@pytest.mark.parametrize("change", [{"revoked": True}, {"expiry_date": timezone.now() - timedelta(seconds=1)}])
def test_a_key_that_ended_is_refused(change: dict[str, Any]) -> None:
    client = key_client("administrator")

    ApiKey.objects.update(**change)

    response = client.get(ME)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Api-Key"


def test_a_key_is_refused_when_one_character_differs() -> None:
    _, key = ApiKey.objects.create_key(name="k", scopes=["viewer"])
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")

    assert APIClient().get(ME, headers={"Authorization": f"Api-Key {wrong}"}).status_code == 401


def test_the_secret_that_signs_is_long_enough_for_its_algorithm() -> None:
    assert len(settings.SECRET_KEY) >= 32


def test_a_key_does_not_become_a_user() -> None:
    assert client_of(None).get(ME, headers={"Authorization": "Api-Key "}).status_code == 401
