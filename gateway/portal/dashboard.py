"""The dashboard: what comes in, goes out, waits and is stored; on an empty installation the first steps."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from gateway.analytics.figures import Bin, Durations, Figures, figures, stock
from gateway.analytics.models import Stock
from gateway.analytics.units import DEFAULT_RANGE, RANGES
from gateway.health import why_closed
from gateway.portal.charts import count_chart, delivered_chart, duration_chart, instances, moment, queue_chart, studies
from gateway.portal.first_steps import steps_context
from gateway.portal.who import person
from gateway.portal.words import number, seconds, size
from routing.selectors import Queue, queues
from studies.selectors import StudyFilters, list_studies

LATEST_STUDIES = 8
SHARES_SHOWN = 8
STALE_SECONDS = 1200  # no figure is counted less often, while a worker runs


@require_GET
def dashboard(request: HttpRequest) -> HttpResponse:
    """The page, or its live part for a page that is open already."""
    chosen = RANGES.get(request.GET.get("range", ""), DEFAULT_RANGE)
    context: dict[str, Any] = {"range": chosen, "ranges": list(RANGES.values()), "closed": why_closed()}
    if request.headers.get("HX-Target") == "live":
        return render(request, "portal/_live.html", context | _live(figures(chosen, timezone.now())))
    latest = list(list_studies(StudyFilters())[:LATEST_STUDIES])
    context |= steps_context(person(request), has_studies=bool(latest))
    if latest or "steps" not in context:
        context |= _live(figures(chosen, timezone.now())) | {"latest": latest}
    return render(request, "portal/dashboard.html", context)


def _live(found: Figures) -> dict[str, Any]:
    """What the live part shows."""
    waiting, stored = queues(), stock()
    bins = [(moment(each.begins_at, found.range.unit), each) for each in found.bins]
    return {
        "figures": found,
        "bins": bins,
        "notes": _notes(found.total),
        "received_chart": count_chart(found, lambda each: each.received, instances),
        "delivered_chart": delivered_chart(found),
        "study_chart": count_chart(found, lambda each: each.studies, studies),
        "queue_chart": queue_chart(found),
        "index_chart": duration_chart(found, lambda each: each.to_index),
        "delivery_chart": duration_chart(found, lambda each: each.to_delivery),
        "shares": found.shares[:SHARES_SHOWN],
        "shares_left": max(0, len(found.shares) - SHARES_SHOWN),
        "lanes": [(queue, found.delivered_last_day.get(queue.destination.pk, 0)) for queue in waiting],
        "queue": _queue(waiting),
        "stock": stored,
        "stored": _stored(stored),
        "is_stale": any((timezone.now() - each.counted_at).total_seconds() > STALE_SECONDS for each in stored),
    }


def _notes(total: Bin) -> dict[str, str]:
    """What stands beside the title of each chart."""
    failed = ngettext("%(number)s attempt failed", "%(number)s attempts failed", total.failed)
    failed = f" · {failed % {'number': number(total.failed)}}" if total.failed else ""
    return {
        "received": f"{instances(total.received)} · {size(total.received_bytes)}",
        "delivered": f"{number(total.delivered)}{failed}",
        "studies": number(total.studies),
        "queue": _("at most %(number)s") % {"number": number(total.waiting)},
        "to_index": _durations(total.to_index),
        "to_delivery": _durations(total.to_delivery),
    }


def _durations(found: Durations) -> str:
    return f"p50 {seconds(found.p50_seconds)} · p95 {seconds(found.p95_seconds)}" if found.count else _("none")


def _queue(waiting: list[Queue]) -> dict[str, Any]:
    """All destinations together."""
    oldest = [each.oldest_waiting_at for each in waiting if each.oldest_waiting_at]
    return {
        "waiting": sum(each.waiting + each.sending for each in waiting),
        "failed": sum(each.failed for each in waiting),
        "oldest_waiting_at": min(oldest, default=None),
    }


def _stored(stored: list[Stock]) -> dict[str, int]:
    """All tiers together."""
    return {
        "studies": sum(each.studies for each in stored),
        "instances": sum(each.instances for each in stored),
        "size_bytes": sum(each.size_bytes for each in stored),
    }
