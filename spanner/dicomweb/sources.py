"""Who is asked when a federation is, and how each did lately; an extension of the standard."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from spanner import breaker
from spanner.dicomweb.federation import federation
from spanner.models import ConfigSource
from spanner.selectors import LATELY, Lately, lately


def sources(request: HttpRequest, span: str) -> HttpResponseBase:
    """The sources of a federation, the first in line first."""
    config = federation(span)
    members = list(config.members.select_related("source").order_by("priority", "source__name"))
    did = lately(member.source for member in members)
    return JsonResponse(
        {
            "name": config.name,
            "description": config.description,
            "ae_title": config.ae_title,
            "failure_strategy": config.failure_strategy,
            "lately_minutes": int(LATELY.total_seconds() // 60),
            "sources": [_told(member, each) for member, each in zip(members, did, strict=True)],
        }
    )


def _told(member: ConfigSource, did: Lately) -> dict[str, Any]:
    source, mean = member.source, did.mean_milliseconds
    return {
        "name": source.name,
        "kind": source.kind,
        "priority": member.priority,
        "state": did.state,
        "words": breaker.in_words(source, timezone.now()) if did.state == "open" else "",
        "timeout_seconds": member.timeout_override or source.timeout_seconds,
        "last_success_at": source.last_success_at,
        "last_failure_at": source.last_failure_at,
        "asked": did.asked,
        "failed": did.failed,
        "timed_out": did.timed_out,
        "not_asked": did.not_asked,
        "mean_milliseconds": None if mean is None else round(mean),
        "slowest_milliseconds": did.slowest_milliseconds,
    }
