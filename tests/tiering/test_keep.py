"""The lease of a move stays while a location takes its time, and ends with whoever held it."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from studies.models import Study, Tier
from tiering import keep
from tiering.ask import ask_for_move
from tiering.claim import claim
from tiering.keep import keeping
from tiering.models import Location, Move

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 60


def lease_until_is_renewed() -> bool:
    """Waits for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if Move.objects.filter(lease_until__gt=timezone.now()).exists():
            return True
        time.sleep(0.01)
    return False


def test_while_it_is_carried_out(study: Study, cold: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "EVERY_SECONDS", 0.02)
    ask_for_move(study, Tier.COLD, by="test")
    mine = claim()
    assert mine is not None
    long_ago = timezone.now() - timedelta(hours=1)
    with keeping(mine):
        Move.objects.update(lease_until=long_ago)
        assert lease_until_is_renewed()
    Move.objects.update(lease_until=long_ago)
    assert claim() is not None  # nobody renews it any more


def test_not_that_of_another(study: Study, cold: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "EVERY_SECONDS", 0.0)
    ask_for_move(study, Tier.COLD, by="test")
    mine = claim()
    assert mine is not None
    until = timezone.now() + timedelta(seconds=5)
    Move.objects.update(lease_token="another's", lease_until=until)
    with keeping(mine):
        pass
    assert Move.objects.get().lease_until == until
