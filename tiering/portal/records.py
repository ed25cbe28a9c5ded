"""Pages of what was: tier changes of all studies, and what was found damaged."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET
from django.views.generic import ListView

from studies.models import Tier
from tiering.changes import ChangeFilter, csv_lines, list_changes
from tiering.models import Damage, Policy, TierChange
from tiering.selectors import DAMAGE_TABS, damage_counts, list_damage

DAMAGE_LABELS = {
    "all": gettext_noop("All"),
    "open": gettext_noop("Damaged still"),
    "repaired": gettext_noop("Repaired"),
}


class TierChanges(PermissionRequiredMixin, ListView):
    """Which study is read from which tier since when, and who decided so; all of its state is in the address."""

    permission_required = "tiering.view_tierchange"
    raise_exception = True
    template_name = "tiering/change_list.html"
    context_object_name = "changes"
    paginate_by = 50

    @cached_property
    def asked(self) -> ChangeFilter:
        """The filters in the address."""
        return _asked(self.request)

    def get_queryset(self) -> QuerySet[TierChange]:
        """What the filters ask for."""
        return list_changes(self.asked)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What there is to choose from."""
        policies = list(Policy.objects.values_list("name", flat=True))
        if self.asked.policy and self.asked.policy not in policies:
            policies.append(self.asked.policy)  # one that was renamed or deleted
        return super().get_context_data(
            asked=self.asked,
            is_filtered=self.asked != ChangeFilter(),
            tiers=Tier.choices,
            policies=policies,
            **kwargs,
        )


@require_GET
@permission_required("tiering.view_tierchange", raise_exception=True)
def tier_changes_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file that streams."""
    response = StreamingHttpResponse(csv_lines(_asked(request)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="tier-changes.csv"'
    return response


class DamageList(PermissionRequiredMixin, ListView):
    """What was read back and was not what was acknowledged: what is so still, and how the rest was repaired."""

    permission_required = "tiering.view_damage"
    raise_exception = True
    template_name = "tiering/damage_list.html"
    context_object_name = "damages"
    paginate_by = 50

    @property
    def current_tab(self) -> str:
        """The chosen tab; all when none is."""
        asked = self.request.GET.get("tab", "")
        return asked if asked in DAMAGE_TABS else "all"

    def get_queryset(self) -> QuerySet[Damage]:
        """Of the tab."""
        return list_damage(self.current_tab)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tabs with their counts."""
        counts = damage_counts()
        tabs = [(tab, _(label), counts[tab]) for tab, label in DAMAGE_LABELS.items()]
        return super().get_context_data(tabs=tabs, current_tab=self.current_tab, **kwargs)


def _asked(request: HttpRequest) -> ChangeFilter:
    given = request.GET.get
    return ChangeFilter(given("from", ""), given("to", ""), given("policy", "")[:64].replace("\0", ""))
