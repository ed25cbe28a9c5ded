"""System checks: what an operator should know of at the start and on the system page."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from gateway.env import Environment
from tests.certificates import Authority, authority
from tests.gateway.portal.conftest import administrator
from tests.peers import refused_port

__all__ = ["administrator"]


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    (tmp_path / "ca").mkdir()
    return authority(tmp_path / "ca")


def found(identifier: str) -> list[str]:
    """The messages of one check, hint included."""
    return [f"{message.msg} {message.hint}" for message in run_checks() if message.id == identifier]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
def test_plain_text_on_loopback_is_nobodys_worry(home: Environment, settings: Settings, host: str) -> None:
    settings.GANTRY = replace(home, dicom_bind=(host, 11112))
    assert found("gateway.W002") == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3"])  # noqa: S104
def test_plain_text_off_loopback_is_warned_of(home: Environment, settings: Settings, host: str) -> None:
    settings.GANTRY = replace(home, dicom_bind=(host, 11112))
    (words,) = found("gateway.W002")
    assert "without encryption" in words
    assert "Set GANTRY_DICOM_TLS_BIND" in words


@pytest.mark.parametrize(("days", "words"), [(90, []), (31, []), (7, ["ends in 6 days"]), (-1, ["has expired"])])
def test_the_own_certificate(home: Environment, settings: Settings, ca: Authority, days: int, words: list[str]) -> None:
    own = ca.issue("GANTRY", days=days)
    settings.GANTRY = replace(home, tls_cert=own.cert, tls_key=own.key)
    messages = found("gateway.W003")
    assert len(messages) == len(words)
    assert all(part in message for part, message in zip(words, messages, strict=True))


@pytest.mark.django_db
def test_the_system_page_shows_warnings(home: Environment, settings: Settings, administrator: Client) -> None:
    settings.GANTRY = replace(home, dicom_bind=("127.0.0.1", refused_port()))
    assert "without encryption" not in administrator.get("/system/").content.decode()
    settings.GANTRY = replace(home, dicom_bind=("0.0.0.0", refused_port()))  # noqa: S104
    assert "without encryption" in administrator.get("/system/").content.decode()


@pytest.mark.parametrize(
    ("host", "wanted", "count"),
    [("127.0.0.1", "optional", 0), ("0.0.0.0", "optional", 1), ("0.0.0.0", "administrators", 0)],  # noqa: S104
)
def test_a_password_alone_from_other_machines_is_warned_of(
    home: Environment, settings: Settings, host: str, wanted: str, count: int
) -> None:
    settings.GANTRY = replace(home, http_bind=(host, 8000), second_factor=wanted)
    assert len(found("gateway.W010")) == count
