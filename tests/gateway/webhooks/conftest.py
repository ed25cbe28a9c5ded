"""A receiver of webhooks on loopback, that answers as a test tells it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.conf import settings
from django.db import connection

from gateway.webhooks import gather
from gateway.webhooks.models import Webhook
from tests.factories import WebhookFactory
from tests.http_peer import Answer, HttpPeer, Reply, http_peer


@pytest.fixture
def receiver() -> Iterator[Callable[..., HttpPeer]]:
    """Starts receivers, that say 200 unless told otherwise."""
    with ExitStack() as running:

        def start(answer: Answer | None = None) -> HttpPeer:
            return running.enter_context(http_peer(answer or (lambda _: Reply(200, b"thanks"))))

        yield start


@pytest.fixture
def child_environment() -> dict[str, str]:
    """With which a process of its own works on this test's database."""
    database, keys = connection.settings_dict, settings.GANTRY.encryption_keys
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        who = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
        url = f"postgres://{who}/{database['NAME']}"
    return {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "gateway.settings.test",
        "GANTRY_ENCRYPTION_KEYS": ",".join(keys),
    }


def hook(url: str = "https://ris.example/gantry", **values: object) -> Webhook:
    """A webhook that is told from now on."""
    webhook = WebhookFactory.create(url=url, **values)
    gather.begin()
    return webhook
