"""Removes what is kept no longer: answers after an hour, who asked what after months, and how sources answered."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone

from spanner.models import Query, SourceAnswer, SourceMinute
from spanner.queries import give_up

KEPT_HOURS = 1
MINUTES_KEPT_DAYS = 90
AT_ONCE = 1_000


def sweep() -> None:
    """All of it; may run twice, and ends early when there is much, for it runs again soon."""
    end_lost()
    now = timezone.now()
    expired = Query.objects.filter(content__isnull=False, asked_at__lt=now - timedelta(hours=KEPT_HOURS))
    for pk in list(expired.values_list("pk", flat=True)[:AT_ONCE]):
        SourceAnswer.objects.filter(query=pk).delete()
        Query.objects.filter(pk=pk).update(content=None)
    _remove(Query.objects.filter(asked_at__lt=now - timedelta(days=settings.GANTRY.span_history_days)))
    _remove(SourceMinute.objects.filter(minute__lt=now - timedelta(days=MINUTES_KEPT_DAYS)))


def end_lost() -> None:
    """End questions whose process was lost before it had written down what came of them."""
    for query in Query.objects.filter(finished_at__isnull=True, deadline__lt=Now())[:AT_ONCE]:
        end_if_lost(query)


def end_if_lost(query: Query) -> bool:
    """After its deadline, end a question that its own process has not ended; False before."""
    if not give_up(query):
        return False
    rows = query.answers.order_by("priority").select_related("source").defer("rows")
    missing = ", ".join(f"{row.source} ({row.state})" for row in rows if row.state != "ok")
    counted = query.answers.aggregate(matches=Sum("count"))["matches"] or 0
    Query.objects.filter(pk=query.pk, finished_at__isnull=True).update(
        finished_at=Now(), matches=counted, is_complete=bool(rows) and not missing, missing=missing[:400]
    )
    return True


def _remove(rows: "QuerySet[Query] | QuerySet[SourceMinute]") -> None:
    keys: list[Any] = list(rows.order_by().values_list("pk", flat=True)[:AT_ONCE])
    if keys:
        rows.model._default_manager.filter(pk__in=keys).delete()
