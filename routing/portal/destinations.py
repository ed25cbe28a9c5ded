"""Pages of destinations: their lanes, forms, and the echo button."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django.views.generic import CreateView, DeleteView, TemplateView, UpdateView, View
from django.views.generic.edit import ModelFormMixin

from routing import destinations
from routing.kinds import warnings_of
from routing.ledger import accounts
from routing.models import Destination, DestinationKind
from routing.portal.forms import DestinationForm
from routing.selectors import lanes


class DestinationList(PermissionRequiredMixin, TemplateView):
    """All destinations with their lanes."""

    permission_required = "routing.view_destination"
    raise_exception = True
    template_name = "routing/destination_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The lanes and the books."""
        return super().get_context_data(lanes=lanes(), accounts=accounts(), **kwargs)


class DestinationForms(PermissionRequiredMixin, SuccessMessageMixin, ModelFormMixin, View):
    """What the pages of a new destination and of one that is there have in common."""

    raise_exception = True
    model = Destination
    form_class = DestinationForm
    success_url = reverse_lazy("destination-list")
    object: Destination | None

    def kind(self) -> str:
        """Of the destination; of a new one as the address of the page says."""
        if self.object is not None:
            return str(self.object.kind)
        asked = self.request.GET.get("kind", "")
        return asked if asked in DestinationKind.values else DestinationKind.DICOM.value

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form is that of one kind."""
        return super().get_form_kwargs() | {"kind": self.kind()}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The kinds to choose from."""
        return super().get_context_data(kind=self.kind(), kinds=DestinationKind.choices, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Save, and say what is worth a thought."""
        response: HttpResponse = super().form_valid(form)
        for words in warnings_of(form.instance):
            messages.warning(self.request, words)
        return response


class DestinationCreate(DestinationForms, CreateView):
    """A new destination."""

    permission_required = "routing.add_destination"
    template_name = "routing/destination_form.html"
    success_message = gettext_lazy(
        "%(name)s is added. Press Echo to see whether it answers, then send to it with a rule."
    )


class DestinationUpdate(DestinationForms, UpdateView):
    """A destination's settings."""

    permission_required = "routing.change_destination"
    template_name = "routing/destination_form.html"
    success_message = gettext_lazy("%(name)s is saved.")


class DestinationDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a destination is deleted; one with deliveries is kept, for they are the record of what was sent."""

    permission_required = "routing.delete_destination"
    raise_exception = True
    model = Destination
    template_name = "routing/destination_delete.html"
    success_url = reverse_lazy("destination-list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether deliveries keep it."""
        return super().get_context_data(has_deliveries=self.object.deliveries.exists(), **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete, unless a delivery came in between."""
        try:
            response = super().form_valid(form)
        except ProtectedError:
            return HttpResponseRedirect(reverse("destination-delete", args=[self.object.pk]))
        messages.success(self.request, _("%(name)s is deleted.") % {"name": self.object.name})
        return response


@require_POST
@permission_required("routing.change_delivery", raise_exception=True)
def echo_destination(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the destination for a sign of life now; the answer is a fragment, or a message where there is no script."""
    destination = get_object_or_404(Destination, pk=pk)
    outcome = destinations.echo_destination(destination)
    if request.headers.get("HX-Request"):
        return render(request, "_echo.html", {"outcome": outcome, "destination": destination})
    words = f"{destination.name}: {outcome.words} ({outcome.milliseconds:.0f} ms)"
    (messages.success if outcome.is_alive else messages.error)(request, words)
    return HttpResponseRedirect(reverse("destination-list"))
