"""Times of day in which a destination may be sent to, past midnight and over changes of the clocks."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from routing.models import Destination, Priority
from routing.window import after_work, is_open, opens_at, priorities_now

ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
MOMENTS = st.integers(0, 2 * 365 * 86_400).map(lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(0, seconds))
TIMES = st.times().map(lambda found: found.replace(second=0, microsecond=0))


def with_window(begins: time | None, ends: time | None) -> Destination:
    return Destination(name="x", window_begins_at=begins, window_ends_at=ends)


@pytest.mark.parametrize(
    ("begins", "ends", "at", "expected"),
    [
        (None, None, "12:00", True),
        ("18:00", "06:00", "18:00", True),
        ("18:00", "06:00", "23:59", True),
        ("18:00", "06:00", "05:59", True),
        ("18:00", "06:00", "06:00", False),
        ("18:00", "06:00", "12:00", False),
        ("08:00", "17:00", "08:00", True),
        ("08:00", "17:00", "17:00", False),
        ("08:00", "17:00", "03:00", False),
        ("08:00", "08:00", "03:00", True),
    ],
)
def test_inside_and_outside(begins: str | None, ends: str | None, at: str, expected: bool) -> None:
    destination = with_window(*(time.fromisoformat(each) if each else None for each in (begins, ends)))
    now = datetime.fromisoformat(f"2026-11-26T{at}:00+00:00")
    assert is_open(destination, now) is expected
    assert (Priority.ROUTINE in priorities_now(destination, now)) is expected
    assert priorities_now(destination, now)[0] == Priority.STAT


@given(begins=TIMES, ends=TIMES, now=MOMENTS, zone=st.sampled_from(ZONES))
def test_it_opens_within_a_day_and_is_open_then(begins: time, ends: time, now: datetime, zone: str) -> None:
    destination = with_window(begins, ends)
    with timezone.override(ZoneInfo(zone)):
        opens = opens_at(destination, now)
        assert now <= opens <= now + timedelta(hours=25)
        if opens > now:
            assert not is_open(destination, now)
            # A time that a change of the clocks leaves out is an hour later on the clock.
            assert is_open(destination, opens) or is_open(destination, opens + timedelta(hours=1)) or begins > ends


@given(begins=TIMES, ends=TIMES, now=MOMENTS, seconds=st.floats(1, 300_000), zone=st.sampled_from(ZONES))
def test_work_ends_no_earlier_than_without_a_window_and_more_work_no_earlier_than_less(
    begins: time, ends: time, now: datetime, seconds: float, zone: str
) -> None:
    destination = with_window(begins, ends)
    with timezone.override(ZoneInfo(zone)):
        ends_at, later = after_work(destination, now, seconds), after_work(destination, now, seconds * 2)
    if ends_at is not None:
        assert (ends_at - now).total_seconds() >= seconds - 0.001
        assert later is None or later >= ends_at


def test_what_does_not_fit_into_tonight_goes_on_tomorrow_night() -> None:
    nights = with_window(time(22), time(4))
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert after_work(nights, now, 3600) == datetime(2026, 11, 26, 23, tzinfo=UTC)
    assert after_work(nights, now, 8 * 3600) == datetime(2026, 11, 28, 0, tzinfo=UTC)
    assert after_work(nights, now, 10**9) is None
    assert after_work(with_window(None, None), now, 60) == now + timedelta(seconds=60)
