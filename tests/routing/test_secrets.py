"""Secrets of destinations: unreadable in the database, bound to their place, and renewed with their keys."""

from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from dicomnet.web.secrets import MAXIMUM_SECRET_BYTES, SecretUnusable, resealed, seal, unseal
from tests.factories import DestinationFactory

PLACE = "https://pacs.example:443"
OLD, NEW = "the old key, of 32 characters or more", "the new key, of 32 characters or more"


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    use(settings, OLD)


def use(settings: Settings, *keys: str) -> None:
    settings.GANTRY = replace(settings.GANTRY, encryption_keys=keys)


@pytest.mark.parametrize("secret", ["x", "Sesam öffne dich", "🔑" * 20, "x" * MAXIMUM_SECRET_BYTES])
def test_sealed_and_opened(secret: str) -> None:
    sealed = seal(secret, place=PLACE)
    assert len(secret) < 4 or secret not in sealed
    assert len(sealed) <= 2000  # the column
    assert unseal(sealed, place=PLACE) == secret


def test_the_same_secret_looks_different_each_time() -> None:
    assert seal("x", place=PLACE) != seal("x", place=PLACE)


def test_not_for_another_place() -> None:
    sealed = seal("x", place=PLACE)
    for place in ("https://pacs.example:8443", "http://pacs.example:443", "https://thief.example:443", ""):
        with pytest.raises(SecretUnusable, match="entered for another address"):
            unseal(sealed, place=place)


@pytest.mark.parametrize("sealed", ["", "x", "gAAAAA==", "ü"])
def test_what_was_never_sealed(sealed: str) -> None:
    with pytest.raises(SecretUnusable, match="put that key back, or enter the password again"):
        unseal(sealed, place=PLACE)


def test_a_lost_key(settings: Settings) -> None:
    sealed = seal("geheim", place=PLACE)
    use(settings, NEW)
    with pytest.raises(SecretUnusable) as error:
        unseal(sealed, place=PLACE)
    assert "geheim" not in str(error.value)
    assert error.value.__cause__ is None


def test_what_is_kept_when_nothing_is_entered() -> None:
    sealed = seal("x", place=PLACE)
    assert resealed(sealed, "", place=PLACE) == sealed
    assert resealed("", "", place=PLACE) == ""
    assert unseal(resealed(sealed, "y", place=PLACE), place=PLACE) == "y"
    with pytest.raises(SecretUnusable):
        resealed(sealed, "", place="https://thief.example:443")


@pytest.mark.django_db
class TestRotation:
    def test_from_the_old_key_to_the_new(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        destination = DestinationFactory.create(secret=seal("x", place=PLACE))
        DestinationFactory.create()
        use(settings, NEW, OLD)
        assert unseal(destination.secret, place=PLACE) == "x"

        call_command("encryptsecrets")

        assert "Encrypted under the first key: 1." in capsys.readouterr().out
        use(settings, NEW)
        destination.refresh_from_db()
        assert unseal(destination.secret, place=PLACE) == "x"

    def test_a_secret_that_no_key_opens_is_named_and_left(self, settings: Settings) -> None:
        lost = DestinationFactory.create(name="Lost", secret=seal("x", place=PLACE))
        use(settings, NEW)
        kept = DestinationFactory.create(secret=seal("y", place=PLACE))

        with pytest.raises(CommandError, match="No key decrypts the secret of: Lost"):
            call_command("encryptsecrets")

        before = lost.secret
        lost.refresh_from_db()
        kept.refresh_from_db()
        assert lost.secret == before
        assert unseal(kept.secret, place=PLACE) == "y"
