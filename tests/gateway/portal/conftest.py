"""People who are signed in."""

import pytest
from django.test import Client

from gateway.accounts.models import Role
from tests.factories import UserFactory


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
