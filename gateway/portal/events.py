"""What happened to processes and to what Gantry depends on."""

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.views.generic import ListView

from gateway.nodes.models import EventKind, SystemEvent
from gateway.nodes.selectors import EventFilter, list_events


class Events(PermissionRequiredMixin, ListView):
    """Newest first; all of its state is in the address."""

    permission_required = "nodes.view_systemevent"
    raise_exception = True
    template_name = "portal/event_list.html"
    context_object_name = "events"
    paginate_by = 50

    @cached_property
    def asked(self) -> EventFilter:
        """The filters in the address."""
        given = {name: self.request.GET.get(name, "")[:64].replace("\0", "") for name in ("kind", "node", "subject")}
        return EventFilter(**given)

    def get_queryset(self) -> QuerySet[SystemEvent]:
        """What the filters ask for."""
        return list_events(self.asked)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What there is to choose from."""
        names = SystemEvent.objects.order_by()
        return super().get_context_data(
            asked=self.asked,
            is_filtered=self.asked != EventFilter(),
            kinds=EventKind.choices,
            nodes=sorted(names.values_list("node", flat=True).distinct()),
            subjects=sorted(names.values_list("subject", flat=True).distinct()),
            **kwargs,
        )
