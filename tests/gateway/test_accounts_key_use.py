"""When an API key was last used, and how often it may be."""

import threading
from datetime import timedelta

import pytest
import redis
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from gateway.accounts import key_use
from gateway.accounts.errors import TooManyRequests
from gateway.accounts.models import ApiKey
from tests.api_clients import V1, key_client
from tests.servers import valkey

pytestmark = pytest.mark.django_db
PATHS = (f"{V1}/auth/me", "/dicom-web/studies")


@pytest.fixture(autouse=True)
def no_counts() -> None:
    cache.clear()


@pytest.mark.parametrize("path", PATHS)
def test_use_is_noted_once_a_minute(path: str) -> None:
    client = key_client("viewer")
    client.get(path)
    first = ApiKey.objects.get().last_used_at
    assert first is not None

    client.get(path)
    assert ApiKey.objects.get().last_used_at == first

    earlier = timezone.now() - timedelta(minutes=2)
    ApiKey.objects.update(last_used_at=earlier)
    client.get(path)
    again = ApiKey.objects.get().last_used_at
    assert again is not None
    assert again > earlier


@pytest.mark.parametrize("path", PATHS)
def test_more_than_it_may_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.accounts.key_use.time.time", lambda: 1_800_000_010.0)
    client = key_client("viewer")
    ApiKey.objects.update(requests_per_minute=2)
    assert {client.get(path).status_code for _ in range(2)} <= {200, 204}

    answer = client.get(path)

    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Retry-After"] == "51"
    assert "2 times a minute" in answer.json()["detail"]
    monkeypatch.setattr("gateway.accounts.key_use.time.time", lambda: 1_800_000_070.0)
    assert client.get(path).status_code in {200, 204}


@pytest.mark.embedded
def test_two_hundred_at_once_are_counted_one_by_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.accounts.key_use.time.time", lambda: 1_800_000_010.0)
    api_key = ApiKey(prefix="abcdefgh", requests_per_minute=7)
    let_through: list[int] = []

    def ask() -> None:
        for _ in range(10):
            try:
                key_use.keep_to_rate(api_key)
            except TooManyRequests:
                continue
            let_through.append(1)

    with valkey() as url:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}}
        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(let_through) == 7


def test_without_the_cache_pictures_are_still_seen(settings: Settings) -> None:
    client = key_client("viewer")
    ApiKey.objects.update(requests_per_minute=1)
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }
    with pytest.raises(redis.ConnectionError):
        cache.get("x")

    assert {client.get(PATHS[0]).status_code for _ in range(3)} == {200}


def test_the_rate_is_a_field_of_the_api() -> None:
    client = key_client("administrator")
    made = client.post(f"{V1}/api-keys", {"name": "k", "scopes": ["viewer"], "requests_per_minute": 60}, format="json")

    assert made.json()["requests_per_minute"] == 60
    assert made.json()["last_used_at"] is None
    path = f"{V1}/api-keys/{made.json()['id']}"
    assert client.patch(path, {"requests_per_minute": 0}, format="json").status_code == 400
    refused = client.patch(path, {"last_used_at": "2026-01-01T00:00:00Z"}, format="json")
    assert refused.status_code in {200, 400}
    assert client.get(path).json()["last_used_at"] is None
