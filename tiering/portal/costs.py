"""The page of costs and capacity: what lies where, what it costs, how it grows, and when a disk is full."""

from typing import Any

from django.conf import settings
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.utils import timezone
from django.views.generic import TemplateView

from studies.models import Tier
from tiering.costs import Cost, Costs, costs
from tiering.history import History
from tiering.models import Policy, SampleOf
from tiering.portal.chart import day_chart
from tiering.samples import hot_disk_left
from tiering.savings import saved_as_noted

SOURCES_SHOWN = 20


class CostPage(PermissionRequiredMixin, TemplateView):
    """Bytes, objects, cost and growth by tier, location and source; what policies saved; when disks are full."""

    permission_required = "tiering.view_location"
    raise_exception = True
    template_name = "tiering/costs.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """As it is now, with the samples of the last days."""
        found, history = costs(), History(timezone.localdate())
        days = history.days()
        noted = saved_as_noted()
        return super().get_context_data(
            costs=found,
            tiers=[(cost, history.growth(SampleOf.TIER, cost.key)) for cost in found.tiers],
            locations=_locations(found, history),
            sources=_sources(found, history),
            sources_left=max(0, len(found.sources) - SOURCES_SHOWN),
            policies=[(policy, noted[policy.pk]) for policy in Policy.objects.filter(pk__in=noted)],
            hot_filling=history.filling(SampleOf.TIER, Tier.HOT, hot_disk_left()),
            high_percent=settings.GANTRY.spool_high_percent,
            hot_chart=day_chart(history.hot_disk(), history.today),
            stored_chart=day_chart({day.on: day.total for day in days}, history.today),
            days=days,
            **kwargs,
        )


def _locations(found: Costs, history: History) -> list[tuple[Any, ...]]:
    return [
        (
            use,
            history.growth(SampleOf.LOCATION, str(use.location.pk)),
            history.filling(SampleOf.LOCATION, str(use.location.pk), use.free_bytes),
        )
        for use in found.locations
    ]


def _sources(found: Costs, history: History) -> list[tuple[Cost, Any]]:
    return [(cost, history.growth(SampleOf.SOURCE, cost.key)) for cost in found.sources[:SOURCES_SHOWN]]
