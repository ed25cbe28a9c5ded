"""Users and API keys by the API."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from gateway.accounts.models import ApiKey, User
from tests.api_clients import V1, client_of
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
NEW = {"username": "ada", "password": "a lovely long phrase", "role": "operator"}


@pytest.fixture
def client() -> APIClient:
    return client_of("administrator")


def test_a_user_is_made_and_signs_in(client: APIClient) -> None:
    response = client.post(f"{V1}/users", NEW, format="json")

    assert response.status_code == 201
    assert "password" not in response.json()
    assert User.objects.get(username="ada").password.startswith("md5$")  # hashed, as the test settings do it
    signed_in = APIClient().post(f"{V1}/auth/login", {k: NEW[k] for k in ("username", "password")}, format="json")
    assert signed_in.status_code == 200


@pytest.mark.parametrize("password", ["short", "password1234", "ada-ada-ada-1"])
def test_a_weak_password_is_refused(client: APIClient, password: str) -> None:
    response = client.post(f"{V1}/users", NEW | {"username": "ada-ada-ada", "password": password}, format="json")

    assert response.status_code == 400
    assert response.json()["errors"]["password"]


def test_a_new_user_needs_a_password(client: APIClient) -> None:
    response = client.post(f"{V1}/users", {"username": "ada"}, format="json")

    assert list(response.json()["errors"]) == ["password"]


def test_is_superuser_cannot_be_had_by_asking(client: APIClient) -> None:
    response = client.post(f"{V1}/users", NEW | {"is_superuser": True, "is_staff": True}, format="json")

    assert set(response.json()["errors"]) == {"is_superuser", "is_staff"}


def test_a_user_is_changed_without_a_new_password(client: APIClient) -> None:
    person = UserFactory.create(role="viewer")

    response = client.patch(f"{V1}/users/{person.pk}", {"role": "operator"}, format="json")

    assert response.json()["role"] == "operator"
    before = person.password
    person.refresh_from_db()
    assert person.password == before


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"is_active": False}])
def test_the_last_administrator_stays_one(client: APIClient, change: dict[str, object]) -> None:
    last = User.objects.get(role="administrator")

    response = client.patch(f"{V1}/users/{last.pk}", change, format="json")

    assert response.status_code == 409
    last.refresh_from_db()
    assert last.is_administrator
    assert last.is_active
    assert client.delete(f"{V1}/users/{last.pk}").status_code == 409


def test_an_administrator_beside_another_can_go(client: APIClient) -> None:
    other = UserFactory.create(role="administrator")

    assert client.delete(f"{V1}/users/{other.pk}").status_code == 204


def test_the_key_is_shown_once(client: APIClient) -> None:
    expires_at = (timezone.now() + timedelta(days=1)).isoformat()
    made = client.post(
        f"{V1}/api-keys", {"name": "PACS", "scopes": ["metrics", "viewer"], "expires_at": expires_at}, format="json"
    )

    assert made.status_code == 201
    key = made.json()["key"]
    assert made.json()["scopes"] == ["viewer", "metrics"]
    shown = client.get(f"{V1}/api-keys/{made.json()['id']}")
    assert "key" not in shown.json()
    listed = client.get(f"{V1}/api-keys").content.decode()
    secret, stored = key.split(".")[1], ApiKey.objects.get()
    assert secret not in listed
    assert stored.hashed_key not in listed
    assert secret not in stored.hashed_key
    assert APIClient().get(f"{V1}/studies", headers={"Authorization": f"Api-Key {key}"}).status_code == 200


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "k", "scopes": []}, "scopes"),
        ({"name": "k", "scopes": ["root"]}, "scopes"),
        ({"name": "k"}, "scopes"),
        ({"scopes": ["viewer"]}, "name"),
        ({"name": "k", "scopes": ["viewer"], "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "k", "scopes": ["viewer"], "expiry_date": None}, "expiry_date"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(client: APIClient, given: dict[str, object], field: str) -> None:
    response = client.post(f"{V1}/api-keys", given, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_a_revoked_key_stays_revoked(client: APIClient) -> None:
    api_key, _ = ApiKey.objects.create_key(name="k", scopes=["viewer"])
    path = f"{V1}/api-keys/{api_key.prefix}"

    assert client.patch(path, {"is_revoked": True}, format="json").json()["is_revoked"]
    assert client.patch(path, {"is_revoked": False}, format="json").status_code == 400
    assert client.delete(path).status_code == 204
