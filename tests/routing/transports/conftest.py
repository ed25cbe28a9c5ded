"""Deliveries with files, and destinations of each kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dicomnet.web.secrets import seal
from routing.kinds import place_of
from routing.models import Delivery, Destination, DestinationKind
from studies.models import Instance
from studies.storage import hot_storage
from tests.factories import DeliveryFactory, DestinationFactory, version_of_a_new_rule
from tests.routing.conftest import Store

Make = Callable[..., list[Delivery]]


@pytest.fixture
def deliveries(store: Store) -> Make:
    """So many deliveries to one destination, as a lane that has claimed them holds them."""

    def make(destination: Destination, count: int = 1, **columns: Any) -> list[Delivery]:
        version = version_of_a_new_rule()
        values = {"attempts": 1} | columns
        return [
            DeliveryFactory.create(instance=store(), destination=destination, rule_version=version, **values)
            for _ in range(count)
        ]

    return make


def stow_at(url: str, *, secret: str = "", **columns: Any) -> Destination:
    destination = destination_of(DestinationKind.STOW, url=url, **columns)
    return with_secret(destination, secret)


def destination_of(kind: str, **columns: Any) -> Destination:
    return DestinationFactory.create(
        **{"kind": kind, "ae_title": "", "host": "", "port": 104, "timeout_seconds": 20} | columns
    )


def with_secret(destination: Destination, secret: str) -> Destination:
    if secret:
        destination.secret = seal(secret, place=place_of(vars(destination)))
        destination.save()
    return destination


def file_of(instance: Instance) -> Path:
    return Path(hot_storage().path(instance.location))
