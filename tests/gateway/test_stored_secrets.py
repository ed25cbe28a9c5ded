"""A new key: the secrets of all apps are encrypted under it."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from dicomnet.web.secrets import seal, unseal
from gateway.configuration.models import ConfigSnapshot
from gateway.stored_secrets import STORED

PLACE = "https://pacs.example:443"
OLD, NEW = "the old key, of 32 characters or more", "the new key, of 32 characters or more"


def use(settings: Settings, *keys: str) -> None:
    settings.GANTRY = replace(settings.GANTRY, encryption_keys=keys)


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "field", "name"), STORED)
def test_each_kind_of_secret_can_be_had_with_the_new_key_alone(
    model: Any, field: str, name: str, settings: Settings
) -> None:
    use(settings, OLD)
    row = model.objects.create(**{name: "x", field: seal("geheim", place=PLACE)})
    use(settings, NEW, OLD)

    call_command("encryptsecrets")

    use(settings, NEW)
    row.refresh_from_db()
    assert unseal(getattr(row, field), place=PLACE) == "geheim"


@pytest.mark.django_db
def test_secrets_of_an_earlier_configuration_can_be_had_with_the_new_key_alone(settings: Settings) -> None:
    use(settings, OLD)
    row = ConfigSnapshot.objects.create(sealed={"destinations": {"x": seal("geheim", place=PLACE), "lost": "?"}})
    use(settings, NEW, OLD)

    call_command("encryptsecrets")

    use(settings, NEW)
    row.refresh_from_db()
    assert unseal(row.sealed["destinations"]["x"], place=PLACE) == "geheim"
