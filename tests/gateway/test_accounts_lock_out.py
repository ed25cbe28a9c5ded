"""A user name that is tried too often from one address is locked out there, at every door and by one count."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from gateway.accounts import attempts
from gateway.accounts.addresses import address_of
from gateway.accounts.errors import SignInLocked
from gateway.accounts.models import FailedSignIn, User
from gateway.accounts.spraying import ANY_NAME
from tests.api_clients import V1, client_of
from tests.factories import PASSWORD, UserFactory

LIMIT = 5


def of_names() -> QuerySet[FailedSignIn]:
    """Counts of single names; those of addresses are in test_accounts_spraying.py."""
    return FailedSignIn.objects.exclude(username=ANY_NAME)


@pytest.fixture
def person(db: None) -> User:
    return UserFactory.create(username="grace")


def by_page(username: str = "grace", password: str = "wrong") -> Any:  # noqa: S107 (of a test)
    return Client().post("/sign-in/", {"username": username, "password": password})


def by_api(username: str = "grace", password: str = "wrong", **meta: Any) -> Any:  # noqa: S107 (of a test)
    given = {"username": username, "password": password}
    return APIClient().post(f"{V1}/auth/login", given, format="json", **meta)


@pytest.mark.parametrize("username", ["grace", "nobody"])
def test_a_name_is_locked_whether_it_exists_or_not_and_in_the_same_words(person: User, username: str) -> None:
    for _ in range(LIMIT):
        assert by_api(username).status_code == 401

    answer = by_api(username, PASSWORD)

    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/too-many-requests"
    assert 890 <= int(answer["Retry-After"]) <= 900
    assert "Try again in 15 minutes" in answer.json()["detail"]
    assert username not in answer.content.decode()


def test_pages_and_api_have_one_count(person: User) -> None:
    for _ in range(LIMIT - 1):
        by_api()
    assert by_page().status_code == 200

    page = by_page(password=PASSWORD)

    assert page.status_code == 429
    assert page["Retry-After"]
    assert "Too many attempts." in page.content.decode()
    assert by_api(password=PASSWORD).status_code == 429


def test_django_admin_has_no_door_of_its_own(person: User) -> None:
    answer = Client().get("/admin/login/?next=/admin/studies/study/")

    assert answer.headers["Location"] == "/sign-in/?next=/admin/studies/study/"
    assert Client().post("/admin/login/", {"username": "grace", "password": PASSWORD}).status_code == 302


def test_who_writes_the_name_otherwise_is_counted_the_same(person: User) -> None:
    for name in ("grace", "Grace", "GRACE", "\uff47race", "grace"):
        by_api(name)

    assert by_api("grace", PASSWORD).status_code == 429


def test_another_address_and_another_name_are_not_locked(person: User) -> None:
    UserFactory.create(username="ada")
    for _ in range(LIMIT):
        by_api()

    assert by_api(password=PASSWORD, REMOTE_ADDR="10.0.0.9").status_code == 200
    assert by_api("ada", PASSWORD).status_code == 200


def test_who_gets_in_begins_anew(person: User) -> None:
    for door in (by_api, by_page):
        for _ in range(LIMIT - 1):
            door()
        assert door(password=PASSWORD).status_code in {200, 302}
        assert not of_names().exists()


def test_it_ends_by_itself(person: User) -> None:
    for _ in range(LIMIT):
        by_api()
    FailedSignIn.objects.update(locked_until=timezone.now())

    assert by_api().status_code == 401
    assert of_names().get().attempts == 1
    assert by_api(password=PASSWORD).status_code == 200


def test_attempts_of_yesterday_do_not_add_up(person: User) -> None:
    for _ in range(LIMIT - 1):
        by_api()
    FailedSignIn.objects.update(tried_at=timezone.now() - timedelta(minutes=16))

    by_api()

    assert of_names().get().attempts == 1


def test_old_counts_are_not_kept(person: User) -> None:
    by_api("somebody")
    FailedSignIn.objects.update(tried_at=timezone.now() - timedelta(days=2))

    by_api()

    assert [row.username for row in of_names()] == ["grace"]


def test_an_attempt_that_was_cut_off_counts(person: User) -> None:
    for _ in range(LIMIT):
        attempts.take("grace", "127.0.0.1")

    with pytest.raises(SignInLocked) as locked:
        attempts.take("grace", "127.0.0.1")

    assert locked.value.retry_after_seconds == 1  # they may all be right, in a moment
    attempts.give_back("grace", "127.0.0.1")
    attempts.take("grace", "127.0.0.1")


def test_an_administrator_sees_and_lifts_it(person: User) -> None:
    administrator = client_of("administrator")
    by_api("ada")
    for _ in range(LIMIT):
        by_api()

    (shown,) = administrator.get(f"{V1}/lock-outs").json()["results"]
    assert (shown["username"], shown["address"], shown["attempts"]) == ("grace", "127.0.0.1", LIMIT)
    assert administrator.delete(f"{V1}/lock-outs/{shown['id']}").status_code == 204

    assert by_api(password=PASSWORD).status_code == 200


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        ("1.2.3.4", "", "10.0.0.1"),
        ("1.2.3.4", "10.0.0.1", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", "10.0.0.1", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 10.0.0.2", "10.0.0.1 10.0.0.2", "1.2.3.4"),
        ("", "10.0.0.1", "10.0.0.1"),
        (",", "10.0.0.1", "10.0.0.1"),
    ],
)
def test_only_what_a_trusted_proxy_says_is_believed(
    forwarded: str, proxies: str, expected: str, settings: Settings
) -> None:
    settings.GANTRY = replace(settings.GANTRY, trusted_proxies=frozenset(proxies.split()))
    request = HttpRequest()
    request.META |= {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded}

    assert address_of(request) == expected
