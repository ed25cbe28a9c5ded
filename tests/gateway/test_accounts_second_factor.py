"""The second factor: set up, asked for at every door, right once, and lost."""

import re
import threading
from dataclasses import replace
from typing import Any

import pyotp
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from gateway.accounts import second_factor
from gateway.accounts.models import RecoveryCode, User
from tests.api_clients import V1
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
STEP = 60_000_000  # of 30 seconds since the epoch


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The step that it is now; ``clock.step`` may be set."""

    class Clock:
        step = STEP

    monkeypatch.setattr("gateway.accounts.second_factor.time.time", lambda: Clock.step * 30.0 + 7)
    return Clock


@pytest.fixture
def person() -> User:
    return UserFactory.create(username="grace", role="operator")


@pytest.fixture
def secret(person: User) -> str:
    """Of the factor that the person has set up, some minutes ago."""
    found = re.search(r"secret=([A-Z2-7]+)", second_factor.begin(person))
    assert found
    assert second_factor.confirm(person, pyotp.TOTP(found[1]).generate_otp(STEP - 1))
    return found[1]


def code(secret: str, step: int = STEP) -> str:
    return pyotp.TOTP(secret).generate_otp(step)


def half_way_in(username: str = "grace", following: str = "/deliveries/") -> Client:
    client = Client()
    client.post(f"/sign-in/?next={following}", {"username": username, "password": PASSWORD})
    return client


def by_api(**given: str) -> Any:
    whole = {"username": "grace", "password": PASSWORD} | given
    return APIClient().post(f"{V1}/auth/login", whole, format="json")


def test_it_is_set_up_with_the_code_of_the_app(person: User) -> None:
    client = half_way_in()
    page = client.get("/account/second-factor/")
    html = page.content.decode()
    shown = re.search(r"<code>([A-Z2-7 ]+)</code>", html)
    assert shown
    assert "<svg" in html
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*(?:\ssrc=|type=\"application/json\"))", html)
    assert "no-store" in page.headers["Cache-Control"]

    assert "not the code" in client.post("/account/second-factor/", {"code": "000000"}).content.decode()
    done = client.post("/account/second-factor/", {"code": code(shown[1].replace(" ", ""))})

    codes = re.findall(r"<li><code>([a-z2-7-]{19})</code>", done.content.decode())
    assert len(set(codes)) == 10
    assert "no-store" in done.headers["Cache-Control"]
    assert not RecoveryCode.objects.filter(hashed__in=codes).exists()
    assert client.get("/account/second-factor/").headers["Location"] == "/account/"
    person.refresh_from_db()
    assert shown[1].replace(" ", "") not in person.totp_secret


def test_a_password_alone_is_half_the_way(person: User, secret: str) -> None:
    client = half_way_in()

    assert client.get("/deliveries/").headers["Location"].startswith("/sign-in/")
    assert client.get(f"{V1}/auth/me").status_code == 401
    assert client.post("/sign-in/code/", {"code": "000000"}).status_code == 200
    answer = client.post("/sign-in/code/?next=/deliveries/", {"code": code(secret)})

    assert answer.headers["Location"] == "/deliveries/"
    assert client.get("/deliveries/").status_code == 200


def test_who_gave_no_password_gives_no_code(person: User, secret: str) -> None:
    assert Client().post("/sign-in/code/", {"code": code(secret)}).headers["Location"] == "/sign-in/"


def test_half_the_way_is_not_open_for_long(person: User, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = half_way_in()
    session: Any = client.session
    session["half_way_in"] = [*session["half_way_in"][:2], session["half_way_in"][2] - 301]
    session.save()

    assert client.post("/sign-in/code/", {"code": code(secret)}).headers["Location"] == "/sign-in/"


@pytest.mark.parametrize("change", ["password", "disabled"])
def test_half_the_way_ends_with_the_password_and_the_person(person: User, secret: str, change: str) -> None:
    client = half_way_in()
    if change == "password":
        person.set_password("another horse battery")
    person.is_active = change != "disabled"
    person.save()

    assert client.post("/sign-in/code/", {"code": code(secret)}).headers["Location"] == "/sign-in/"


@pytest.mark.parametrize(
    "following", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_next_elsewhere_is_not_followed_after_the_code(person: User, secret: str, following: str) -> None:
    client = half_way_in(following=following)

    answer = client.post(f"/sign-in/code/?next={following}", {"code": code(secret)})

    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("step", [STEP - 1, STEP, STEP + 1])
def test_a_clock_may_be_half_a_minute_off(person: User, step: int) -> None:
    secret = re.search(r"secret=([A-Z2-7]+)", second_factor.begin(person))
    assert secret
    assert second_factor.confirm(person, code(secret[1], step))


@pytest.mark.parametrize("step", [STEP - 2, STEP + 2])
def test_not_a_whole_minute(person: User, secret: str, step: int) -> None:
    assert not second_factor.is_right(person, code(secret, step))


def test_a_code_is_right_once(person: User, secret: str, clock: Any) -> None:
    assert second_factor.is_right(person, code(secret))
    assert not second_factor.is_right(person, code(secret))
    clock.step += 1
    assert not second_factor.is_right(person, code(secret))  # still within its time
    assert second_factor.is_right(person, code(secret, STEP + 1))


@pytest.mark.django_db(transaction=True)
def test_of_many_with_one_code_at_once_one_gets_in(person: User, secret: str) -> None:
    right: list[bool] = []

    def try_it() -> None:
        right.append(second_factor._take_step(person, code(secret)))
        connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(right) == [False] * 7 + [True]


@pytest.mark.parametrize("given", ["", "12345", "abcdef", "١٢٣٤٥٦", "9" * 32])
def test_nonsense_is_wrong(person: User, secret: str, given: str) -> None:
    assert not second_factor.is_right(person, given)


def test_a_recovery_code_is_right_once_however_it_is_written(person: User, secret: str) -> None:
    first, second, *_ = second_factor.renew_recovery_codes(person)

    assert second_factor.is_right(person, first)
    assert not second_factor.is_right(person, first)
    assert second_factor.is_right(person, second.upper().replace("-", " "))
    assert person.recovery_codes.count() == 8


def test_new_recovery_codes_end_the_old_ones(person: User, secret: str) -> None:
    client = half_way_in()
    client.post("/sign-in/code/", {"code": code(secret)})
    old, *_ = second_factor.renew_recovery_codes(person)

    answer = client.post("/account/second-factor/codes/")

    assert len(re.findall(r"<li><code>", answer.content.decode())) == 10
    assert not second_factor.is_right(person, old)


def test_wrong_codes_lock_wherever_they_come_from(person: User, secret: str) -> None:
    for number in range(5):
        client = Client(REMOTE_ADDR=f"10.0.0.{number}")
        client.post("/sign-in/", {"username": "grace", "password": PASSWORD})
        client.post("/sign-in/code/", {"code": "000000"})

    locked = half_way_in().post("/sign-in/code/", {"code": code(secret)})

    assert locked.status_code == 429
    assert locked.headers["Retry-After"]
    assert "Too many attempts" in locked.content.decode()
    assert by_api(otp=code(secret)).status_code == 429


def test_the_api_asks_for_it(person: User, secret: str) -> None:
    asked = by_api()
    assert asked.status_code == 401
    assert asked.json()["otp"] == "needed"
    assert by_api(otp="000000").json()["detail"] == "The code is wrong, or was used before."
    assert "otp" not in by_api(password="wrong", otp=code(secret)).json()

    assert set(by_api(otp=code(secret)).json()) == {"access", "refresh"}


def test_one_removes_ones_own(person: User, secret: str) -> None:
    client = half_way_in()
    client.post("/sign-in/code/", {"code": code(secret)})

    client.post("/account/second-factor/remove/")

    person.refresh_from_db()
    assert (person.totp_secret, person.totp_confirmed_at, person.recovery_codes.count()) == ("", None, 0)
    assert half_way_in().get("/deliveries/").status_code == 200


def test_an_administrator_removes_it_for_who_has_lost_the_phone(person: User, secret: str) -> None:
    inside = half_way_in()
    inside.post("/sign-in/code/", {"code": code(secret)})
    administrator = Client()
    administrator.force_login(UserFactory.create(role="administrator"))

    administrator.post(f"/users/{person.pk}/second-factor/")

    assert inside.get("/deliveries/").status_code == 302
    assert half_way_in().get("/deliveries/").status_code == 200


@pytest.mark.parametrize(
    ("wanted", "role", "is_led"),
    [
        ("optional", "administrator", False),
        ("administrators", "operator", False),
        ("administrators", "administrator", True),
        ("everyone", "viewer", True),
    ],
)
def test_where_it_is_a_duty_it_comes_first(settings: Settings, wanted: str, role: str, is_led: bool) -> None:
    settings.GANTRY = replace(settings.GANTRY, second_factor=wanted)
    UserFactory.create(username="ada", role=role)
    client = half_way_in("ada")

    answer = client.get("/studies/")

    assert (answer.headers.get("Location") == "/account/second-factor/") is is_led
    assert client.get(f"{V1}/studies").status_code == (403 if is_led else 200)
    login = APIClient().post(f"{V1}/auth/login", {"username": "ada", "password": PASSWORD}, format="json")
    assert login.status_code == (401 if is_led else 200)


def test_without_the_key_that_encrypted_it_a_recovery_code_helps(person: User, secret: str, settings: Settings) -> None:
    first, *_ = second_factor.renew_recovery_codes(person)
    settings.GANTRY = replace(settings.GANTRY, encryption_keys=("x" * 40,))

    assert not second_factor.is_right(person, code(secret))
    assert second_factor.is_right(person, first)


def test_the_secret_of_another_row_opens_nothing(person: User, secret: str) -> None:
    other = UserFactory.create(totp_secret=person.totp_secret, totp_confirmed_at=person.totp_confirmed_at)

    assert not second_factor.is_right(other, code(secret))


def test_a_command_removes_it_when_no_administrator_is_left(person: User, secret: str) -> None:
    call_command("removefactor", "grace")

    person.refresh_from_db()
    assert not second_factor.has_factor(person)
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("removefactor", "nobody")
