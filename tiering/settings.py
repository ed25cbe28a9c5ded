"""What an administrator sets about tiers (docs/settings.md)."""

from datetime import timedelta
from decimal import Decimal

from django.conf import settings


def minimum_copies() -> int:
    """Verified copies outside the hot tier without which a file does not leave it."""
    return int(settings.GANTRY.tier_copies)


def grace_seconds() -> float:
    """Between the moment from which a study is read elsewhere, and the removal of what it was read from before."""
    return float(settings.GANTRY.tier_grace_seconds)


def hot_cost_per_gb_month() -> Decimal:
    """What keeping 10^9 bytes on the hot tier for a month costs."""
    return Decimal(settings.GANTRY.hot_cost_per_gb_month)


def recall_kept() -> timedelta | None:
    """Without a read, after which what was brought back to be read goes again; None when it stays."""
    days = int(settings.GANTRY.recall_keep_days)
    return timedelta(days=days) if days else None


def scrub_period() -> timedelta | None:
    """Within which every file and every copy is read again; None when none is."""
    days = int(settings.GANTRY.scrub_days)
    return timedelta(days=days) if days else None


def scrub_bytes_per_second() -> int:
    """How fast they are read at most."""
    return int(settings.GANTRY.scrub_mb_per_second) * 1_000_000
