"""Tokens that are forged, used twice, or ended: refused by both doors that take them."""

import hmac
import json
import threading
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import connection
from django.test import override_settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from gateway.accounts.models import FailedSignIn, User
from gateway.accounts.people import end_sessions
from tests.api_clients import V1
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return UserFactory.create(username="grace", role="viewer")


@pytest.fixture
def tokens(person: User) -> dict[str, str]:
    found: dict[str, str] = sign_in().json()
    return found


def sign_in(password: str = PASSWORD) -> Any:
    return APIClient().post(f"{V1}/auth/login", {"username": "grace", "password": password}, format="json")


def access(token: str) -> Any:
    return APIClient().get(f"{V1}/auth/me", headers={"Authorization": f"Bearer {token}"})


def renew(token: str) -> Any:
    return APIClient().post(f"{V1}/auth/refresh", {"refresh": token}, format="json")


DOORS = {"access": access, "refresh": renew}
Forge = Callable[[dict[str, Any], str], str]


def signed(claims: dict[str, Any], key: Any = None, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(claims, settings.SECRET_KEY if key is None else key, algorithm=algorithm, headers=header or None)


def by_hand(claims: dict[str, Any], key: bytes, **header: str) -> str:
    """HS256 with keys that PyJWT itself refuses to sign with."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"} | header, claims)]
    signature = hmac.digest(key, b".".join(parts), "sha256")
    return b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def with_public_key_as_secret(claims: dict[str, Any]) -> str:
    public = rsa.generate_private_key(65537, 2048).public_key()
    return by_hand(claims, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def tampered(claims: dict[str, Any], token: str) -> str:
    head, _, signature = token.split(".")
    body = signed(claims | {"user_id": "1", "role": "administrator"}).split(".")[1]
    return f"{head}.{body}.{signature}"


FORGED: dict[str, Forge] = {
    "none": lambda claims, _: signed(claims, key="", algorithm="none"),
    "None in the header, signature kept": lambda claims, token: ".".join(
        [signed(claims, key="", algorithm="none").split(".")[0], *token.split(".")[1:]]
    ),
    "RS256 of another's key": lambda claims, _: signed(
        claims, key=rsa.generate_private_key(65537, 2048), algorithm="RS256"
    ),
    "public key as secret": lambda claims, _: with_public_key_as_secret(claims),
    "HS512 with the right key": lambda claims, _: signed(claims, algorithm="HS512"),
    "expired": lambda claims, _: signed(claims | {"exp": int(time.time()) - 60}),
    "without an end": lambda claims, _: signed({name: value for name, value in claims.items() if name != "exp"}),
    "not yet valid": lambda claims, _: signed(claims | {"nbf": int(time.time()) + 600}),
    "of the other type": lambda claims, _: signed(
        claims | {"token_type": "refresh" if claims["token_type"] == "access" else "access"}
    ),
    "wrong key": lambda claims, _: signed(claims, key="x" * 64),
    "truncated": lambda _, token: token[:-5],
    "of a user who is not there": lambda claims, _: signed(claims | {"user_id": "999999"}),
    "of another user": lambda claims, _: signed(claims | {"user_id": str(UserFactory.create().pk)}),
    "claims changed, signature kept": tampered,
    "key by kid": lambda claims, _: by_hand(claims, b"", kid="../../../../dev/null"),
    "key in the header": lambda claims, _: signed(
        claims, key="mine" * 16, jwk={"kty": "oct", "k": "bWluZQ"}, jku="https://evil.example/keys"
    ),
}


@pytest.mark.filterwarnings("ignore:The HMAC key")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("forge", FORGED.values(), ids=list(FORGED))
def test_a_forged_token_is_refused(tokens: dict[str, str], door: str, forge: Forge) -> None:
    claims = jwt.decode(tokens[door], options={"verify_signature": False})

    answer = DOORS[door](forge(claims, tokens[door]))

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert DOORS[door](tokens[door]).status_code == 200


@pytest.mark.parametrize("door", DOORS)
def test_a_right_token_of_a_disabled_user_is_refused(person: User, tokens: dict[str, str], door: str) -> None:
    User.objects.update(is_active=False)

    assert DOORS[door](tokens[door]).status_code == 401


@pytest.mark.parametrize("door", DOORS)
def test_who_signed_out_everywhere_is_out_at_once(person: User, tokens: dict[str, str], door: str) -> None:
    end_sessions(person)

    assert DOORS[door](tokens[door]).status_code == 401


def test_a_refresh_token_is_used_up_and_gives_another(tokens: dict[str, str]) -> None:
    first = renew(tokens["refresh"]).json()
    second = renew(first["refresh"]).json()

    assert len({tokens["refresh"], first["refresh"], second["refresh"]}) == 3
    assert access(second["access"]).status_code == 200


def test_renewing_does_not_make_it_last_longer(tokens: dict[str, str]) -> None:
    def end(token: str) -> int:
        return int(jwt.decode(token, options={"verify_signature": False})["exp"])

    assert end(renew(tokens["refresh"]).json()["refresh"]) == end(tokens["refresh"])


def test_one_that_comes_twice_ends_its_family_and_no_other(tokens: dict[str, str]) -> None:
    other = sign_in().json()
    following = renew(tokens["refresh"]).json()["refresh"]

    assert renew(tokens["refresh"]).status_code == 401

    assert renew(following).status_code == 401
    assert renew(other["refresh"]).status_code == 200


def test_signing_out_ends_all_of_the_family(tokens: dict[str, str]) -> None:
    following = renew(tokens["refresh"]).json()["refresh"]

    assert APIClient().post(f"{V1}/auth/logout", {"refresh": following}, format="json").status_code == 204

    assert renew(following).status_code == 401
    assert OutstandingToken.objects.count() == BlacklistedToken.objects.count() == 2


def test_one_that_is_not_on_record_renews_nothing(tokens: dict[str, str]) -> None:
    claims = jwt.decode(tokens["refresh"], options={"verify_signature": False})

    assert renew(signed(claims | {"jti": uuid.uuid4().hex})).status_code == 401


def test_the_record_holds_no_token_that_works(tokens: dict[str, str]) -> None:
    renew(tokens["refresh"])

    assert set(OutstandingToken.objects.values_list("token", flat=True)) == {""}


@pytest.mark.django_db(transaction=True)
def test_of_many_with_one_refresh_token_at_once_one_is_answered(tokens: dict[str, str]) -> None:
    statuses = at_once(8, lambda: renew(tokens["refresh"]).status_code)

    assert sorted(statuses) == [200] + [401] * 7


@pytest.mark.django_db(transaction=True)
def test_of_two_hundred_sign_ins_at_once_no_more_than_the_limit_are_looked_at(person: User) -> None:
    statuses = at_once(20, lambda: [sign_in("wrong").status_code for _ in range(10)])

    found = [status for some in statuses for status in some]
    assert len(found) == 200
    assert found.count(401) == settings.GANTRY.sign_in_attempts
    assert found.count(429) == 200 - settings.GANTRY.sign_in_attempts


def test_without_redis_the_lock_out_holds(person: User) -> None:
    away = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    with override_settings(CACHES={"default": away}):
        statuses = [sign_in("wrong").status_code for _ in range(6)]

        assert statuses == [401] * 5 + [429]
        assert sign_in().status_code == 429
        FailedSignIn.objects.all().delete()
        assert sign_in().status_code == 200


def at_once(count: int, ask: Callable[[], Any]) -> list[Any]:
    """What as many threads get that ask at the same moment."""
    start, found = threading.Barrier(count), list[Any]()

    def run() -> None:
        start.wait()
        found.append(ask())
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
