"""Passwords that are long enough and still among the first to be tried."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

pytestmark = pytest.mark.embedded


@pytest.mark.parametrize(
    "password",
    [
        "Password2024!",
        "P@ssw0rd1234",
        "!!!dragon2026!!!",
        "admin_123456789",
        "Gantry-Gantry-1",
        "dragon-monkey-77",
        "passwordpassword",
        "abcabcabcabc",
        "aaaaaaaaaaaaaaa",
        "123456789012",
        "739284610573",
        "qwertyuiopas",
        "poiuytrewqlkj",
        "Radiologie2026",
        "............",
        "Administrator1",
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "lilac-Tundra-93-gravel",
        "x7Kp-qq2L-Vn8s",
        "мой длинный пароль утром",
        "une vache dans le salon",
        "Elephant1987Zebra!moss",
    ],
)
def test_others_are_taken(password: str) -> None:
    validate_password(password)
