"""People at the pages of federated search, and what they ask with."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from gateway.accounts.models import Role
from spanner.models import SpanningConfig
from tests.factories import UserFactory

SEARCH = "/archives/"
Ask = Callable[..., str]


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(UserFactory.create(role=role))
    return client


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    # No broker runs here, and a bell that nobody hears costs seconds.
    monkeypatch.setattr("gateway.pipeline.ring", lambda *_: None)


@pytest.fixture
def viewer(db: None) -> Client:
    return signed_in(Role.VIEWER)


@pytest.fixture
def operator(db: None) -> Client:
    return signed_in(Role.OPERATOR)


@pytest.fixture
def administrator(db: None) -> Client:
    return signed_in(Role.ADMINISTRATOR)


def ask(client: Client, config: SpanningConfig, **values: str) -> str:
    """Put a question; the address of its answer."""
    response = client.post(SEARCH, {"federation": config.pk, **(values or {"patient_id": "P*"})})
    assert response.status_code == 302, text(response)
    return str(response["Location"])


def text(response: Any) -> str:
    return str(response.content.decode())


def polled(client: Client, address: str, answered: int) -> Any:
    """What the page's script asks for, which shows so many answers."""
    return client.get(f"{address}?answered={answered}", headers={"HX-Request": "true"})
