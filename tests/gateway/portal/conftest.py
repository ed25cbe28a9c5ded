"""People who are signed in."""

import pytest
from django.test import Client

from gateway.accounts.models import Role
from gateway.audit.journal import folder
from tests.factories import UserFactory


@pytest.fixture(autouse=True)
def empty_journal() -> None:
    """What other tests have looked at is not taken into the audit trail while a page's queries are counted."""
    for path in folder().glob("waiting*.jsonl"):
        path.unlink()


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(UserFactory.create(username=role.value, role=role))
    return client


@pytest.fixture
def viewer(db: None) -> Client:
    return signed_in(Role.VIEWER)


@pytest.fixture
def operator(db: None) -> Client:
    return signed_in(Role.OPERATOR)


@pytest.fixture
def administrator(db: None) -> Client:
    return signed_in(Role.ADMINISTRATOR)
