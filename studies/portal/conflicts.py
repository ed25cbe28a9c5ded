"""The conflicts page: instances that came in again with other bytes."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from django.views.generic import ListView

from studies.models import Conflict
from studies.selectors import conflicts, open_conflicts


class ConflictList(PermissionRequiredMixin, ListView):
    """Conflicts, those that nobody has seen first."""

    permission_required = "studies.view_conflict"
    raise_exception = True
    template_name = "studies/conflict_list.html"
    context_object_name = "conflicts"
    paginate_by = 50

    def get_queryset(self) -> QuerySet[Conflict]:
        """With study and instance, in one query."""
        return conflicts()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How many are open."""
        return super().get_context_data(open_count=open_conflicts().count(), **kwargs)


@require_POST
@permission_required("studies.change_study", raise_exception=True)
def mark_as_seen(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a conflict off the list of what asks for attention; both contents stay."""
    count = open_conflicts().filter(pk=pk).update(resolved_at=timezone.now())
    if count:
        messages.success(request, "Marked as seen. Both contents stay stored.")
    return HttpResponseRedirect(reverse("conflict-list"))
