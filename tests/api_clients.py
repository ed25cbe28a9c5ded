"""Callers of the API, one of each kind."""

from rest_framework.test import APIClient

from gateway.accounts.models import ApiKey
from tests.factories import UserFactory

V1 = "/api/v1"


def client_of(role: str | None) -> APIClient:
    """Signed in by session; None is nobody."""
    client = APIClient()
    if role is not None:
        client.force_login(UserFactory.create(role=role))
    return client


def key_client(*scopes: str) -> APIClient:
    """A program with an API key."""
    _, key = ApiKey.objects.create_key(name="test program", scopes=list(scopes))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client
