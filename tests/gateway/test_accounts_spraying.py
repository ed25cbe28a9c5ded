"""A few passwords for each of many names, from one address: the address is locked, and the system says so."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from gateway.accounts.models import FailedSignIn
from gateway.accounts.spraying import ANY_NAME
from gateway.env import Environment
from tests.api_clients import V1, client_of
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
LIMIT = 6


@pytest.fixture(autouse=True)
def few(home: Environment, settings: Settings) -> None:
    settings.GANTRY = replace(settings.GANTRY, sign_in_attempts_per_address=LIMIT)
    UserFactory.create(username="grace")


def sign_in(username: str, password: str = "wrong", address: str = "10.9.9.9") -> Any:  # noqa: S107 (of a test)
    given = {"username": username, "password": password}
    return APIClient().post(f"{V1}/auth/login", given, format="json", REMOTE_ADDR=address)


def spray(count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        assert sign_in(f"name{number}").status_code == 401


def events(home: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in sorted((home / "run" / "events").glob("*.json"))]


def test_an_address_that_tried_many_names_is_locked_for_all(home: Environment) -> None:
    spray(LIMIT)

    answer = sign_in("grace", PASSWORD)

    assert answer.status_code == 429
    assert 890 <= int(answer["Retry-After"]) <= 900
    assert sign_in("grace", PASSWORD, "10.9.9.8").status_code == 200
    (event,) = events(home.home)
    assert (event["kind"], event["subject"]) == ("locked_out", "sign-in")
    assert "10.9.9.9" in event["words"]
    assert "name" not in event["words"].replace("user names", "")


def test_who_is_locked_with_the_address_is_not_counted_for_the_name() -> None:
    spray(LIMIT)
    for _ in range(10):
        sign_in("grace")

    FailedSignIn.objects.filter(username=ANY_NAME).delete()
    assert sign_in("grace", PASSWORD).status_code == 200


def test_one_name_that_is_locked_does_not_lock_the_address(settings: Settings) -> None:
    for _ in range(20):
        sign_in("robot")  # five are looked at

    assert FailedSignIn.objects.get(username=ANY_NAME).attempts == 5
    assert sign_in("grace", PASSWORD).status_code == 200


def test_who_gets_in_does_not_count_and_forgives_nothing() -> None:
    spray(LIMIT - 1)
    for _ in range(3):
        assert sign_in("grace", PASSWORD).status_code == 200
    spray(1, LIMIT)

    assert sign_in("grace", PASSWORD).status_code == 429


def test_slips_of_a_whole_day_do_not_add_up() -> None:
    spray(LIMIT - 1)
    FailedSignIn.objects.filter(username=ANY_NAME).update(tried_at=timezone.now() - timedelta(minutes=16))
    spray(LIMIT - 1, LIMIT)

    assert sign_in("grace", PASSWORD).status_code == 200


def test_it_ends_by_itself_and_begins_anew() -> None:
    spray(LIMIT)
    FailedSignIn.objects.filter(username=ANY_NAME).update(locked_until=timezone.now())
    spray(LIMIT - 1, LIMIT)

    assert sign_in("grace", PASSWORD).status_code == 200


def test_an_administrator_sees_and_lifts_it() -> None:
    spray(LIMIT)
    administrator: Any = client_of("administrator")

    (shown,) = administrator.get(f"{V1}/lock-outs").json()["results"]
    assert (shown["username"], shown["address"]) == (ANY_NAME, "10.9.9.9")
    assert administrator.delete(f"{V1}/lock-outs/{shown['id']}").status_code == 204
    assert sign_in("grace", PASSWORD).status_code == 200


def test_nobody_types_its_name() -> None:
    spray(LIMIT - 1)
    sign_in(ANY_NAME)

    assert {row.username for row in FailedSignIn.objects.filter(username__iexact=ANY_NAME)} == {ANY_NAME, "any name"}


def test_without_a_limit_nothing_is_counted(settings: Settings) -> None:
    settings.GANTRY = replace(settings.GANTRY, sign_in_attempts_per_address=0)
    spray(LIMIT + 2)

    assert not FailedSignIn.objects.filter(username=ANY_NAME).exists()
    assert sign_in("grace", PASSWORD).status_code == 200


def test_a_name_that_is_locked_is_an_event_without_the_name(home: Environment) -> None:
    for _ in range(5):
        sign_in("correct horse battery")

    (event,) = events(home.home)
    assert event["words"] == "A user name was locked out at 10.9.9.9 for 15 minutes."
