"""Who is asked when a federation is, and how each did lately; an extension of the standard."""

from datetime import timedelta
from typing import Any

from django.db.models import Max, Sum
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from spanner import breaker
from spanner.dicomweb.federation import federation
from spanner.models import ConfigSource, SourceMinute, SpanningConfig

LATELY_MINUTES = 60


def sources(request: HttpRequest, span: str) -> HttpResponseBase:
    """The sources of a federation, the first in line first."""
    config = federation(span)
    lately = _lately(config)
    members = ConfigSource.objects.filter(config=config).select_related("source").order_by("priority", "source__name")
    return JsonResponse(
        {
            "name": config.name,
            "description": config.description,
            "ae_title": config.ae_title,
            "failure_strategy": config.failure_strategy,
            "lately_minutes": LATELY_MINUTES,
            "sources": [_told(member, lately.get(member.source_id, {})) for member in members],
        }
    )


def _told(member: ConfigSource, lately: dict[str, Any]) -> dict[str, Any]:
    source, now = member.source, timezone.now()
    state = "off" if not source.is_enabled else "open" if breaker.is_open(source, now) else "asked"
    asked = lately.get("asked") or 0
    return {
        "name": source.name,
        "kind": source.kind,
        "priority": member.priority,
        "state": state,
        "words": breaker.in_words(source, now) if state == "open" else "",
        "timeout_seconds": member.timeout_override or source.timeout_seconds,
        "last_success_at": source.last_success_at,
        "last_failure_at": source.last_failure_at,
        "asked": asked,
        "failed": lately.get("failed") or 0,
        "timed_out": lately.get("timed_out") or 0,
        "not_asked": lately.get("not_asked") or 0,
        "mean_milliseconds": round(lately["milliseconds"] / asked) if asked else None,
        "slowest_milliseconds": lately.get("slowest") if asked else None,
    }


def _lately(config: SpanningConfig) -> dict[int, dict[str, Any]]:
    """Sums over the minutes of the last hour, by source."""
    since = timezone.now() - timedelta(minutes=LATELY_MINUTES)
    rows = SourceMinute.objects.filter(source__configurations=config, minute__gte=since).order_by().values("source")
    sums = rows.annotate(
        **{name: Sum(name) for name in ("asked", "failed", "timed_out", "not_asked", "milliseconds")},
        slowest=Max("slowest_milliseconds"),
    )
    return {row["source"]: dict(row) for row in sums}
