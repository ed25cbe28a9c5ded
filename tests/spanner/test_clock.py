"""A clock that ran ahead leaves nobody alone, and nothing waiting, for years."""

from datetime import timedelta

import pytest
from django.utils import timezone

from spanner import breaker
from spanner.fetch import claim
from spanner.models import Fetch
from tests.factories import FetchFactory, SourceFactory

pytestmark = pytest.mark.django_db
JUMPS = [timedelta(hours=1), timedelta(days=1), timedelta(days=3653)]


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_source_is_tried_again_when_the_clock_is_right(jump: timedelta) -> None:
    now = timezone.now()
    source = SourceFactory.create(failures_in_a_row=9, open_until=now + jump + timedelta(seconds=60))
    assert breaker.claim_trial(source, now)
    source.refresh_from_db()
    assert not breaker.claim_trial(source, now)  # it is being tried


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_fetch_that_failed_is_tried_again(jump: timedelta) -> None:
    wait = timedelta(seconds=claim.LONGEST_BACK_OFF_SECONDS)
    mine = FetchFactory.create(state="waiting", next_attempt_at=timezone.now() + jump + wait)
    assert claim.claim() == mine


def test_what_waits_as_long_as_it_may_is_left_to_wait() -> None:
    wait = timedelta(seconds=claim.LONGEST_BACK_OFF_SECONDS)
    FetchFactory.create(state="waiting", next_attempt_at=timezone.now() + wait)
    assert claim.claim() is None
    assert Fetch.objects.get().lease_token == ""
    source = SourceFactory.create(
        failures_in_a_row=9, open_until=timezone.now() + timedelta(seconds=breaker.LONGEST_SECONDS)
    )
    assert not breaker.claim_trial(source, timezone.now())
