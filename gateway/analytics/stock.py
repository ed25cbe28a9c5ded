"""What is stored, by tier: sums over all studies, made so seldom that they cost next to nothing."""

import time
from datetime import datetime, timedelta

from django.db.models import Count, Sum

from gateway.analytics.models import Stock
from studies.models import Study, Tier

SHARE = 100  # of the time may not be spent counting: one part in so many is
LONGEST = timedelta(minutes=15)


def count_stock(now: datetime) -> bool:
    """Count again what is stored, unless that was done too short a time ago for what it takes.

    Returns:
        Whether it was counted.
    """
    last = Stock.objects.order_by("counted_at").first()
    if last is not None and timedelta(0) <= now - last.counted_at < min(
        timedelta(seconds=last.seconds * SHARE), LONGEST
    ):
        return False
    began = time.monotonic()
    sums = {
        tier: (studies, instances, size)
        for tier, studies, instances, size in Study.objects.order_by()
        .values_list("tier")
        .annotate(
            studies=Count("pk"), instances=Sum("number_of_study_related_instances"), size=Sum("size_bytes", default=0)
        )
    }
    seconds = time.monotonic() - began
    rows = []
    for tier in Tier:
        studies, instances, size = sums.get(tier, (0, 0, 0))
        rows.append(
            Stock(tier=tier, studies=studies, instances=instances, size_bytes=size, counted_at=now, seconds=seconds)
        )
    Stock.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tier"],
        update_fields=["studies", "instances", "size_bytes", "counted_at", "seconds"],
    )
    return True
