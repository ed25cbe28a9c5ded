"""Pages of storage commitment: who asked for proof, and what was answered."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import ListView

from studies.commitments.models import Commitment, CommitmentItem, CommitmentState
from studies.commitments.report import send_again
from studies.commitments.selectors import commitments, counts_by_state, items_of


class CommitmentList(PermissionRequiredMixin, ListView):
    """Requests, newest first, by where they stand."""

    permission_required = "studies.view_commitment"
    raise_exception = True
    template_name = "studies/commitment_list.html"
    context_object_name = "commitments"
    paginate_by = 50

    def get_queryset(self) -> QuerySet[Commitment]:
        """Of the chosen tab."""
        return commitments(self._state())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tabs with their counts."""
        counts = counts_by_state()
        tabs = [("", _("All"), sum(counts.values()))]
        tabs += [(state.value, str(state.label), counts[state.value]) for state in CommitmentState]
        return super().get_context_data(tabs=tabs, current_tab=self._state(), **kwargs)

    def _state(self) -> str:
        asked = self.request.GET.get("state", "")
        return asked if asked in CommitmentState.values else ""


class CommitmentItems(PermissionRequiredMixin, ListView):
    """One request with its instances, those that are not committed first."""

    permission_required = "studies.view_commitment"
    raise_exception = True
    template_name = "studies/commitment_detail.html"
    context_object_name = "items"
    paginate_by = 100

    def get_queryset(self) -> QuerySet[CommitmentItem]:
        """Of the request in the address."""
        self.commitment = get_object_or_404(Commitment, pk=self.kwargs["pk"])
        return items_of(self.commitment)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The request itself."""
        return super().get_context_data(commitment=self.commitment, **kwargs)


@require_POST
@permission_required("studies.change_study", raise_exception=True)
def report_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the report sent now, whether it was given up, waits, or was sent already."""
    commitment = get_object_or_404(Commitment, pk=pk)
    if send_again(Commitment.objects.filter(pk=pk)):
        messages.success(
            request, _("The report to %(ae_title)s is sent again now.") % {"ae_title": commitment.calling_ae_title}
        )
    else:
        messages.error(request, _("It cannot be sent now: it is being verified, or on its way already."))
    return HttpResponseRedirect(reverse("commitment-detail", args=[pk]))
