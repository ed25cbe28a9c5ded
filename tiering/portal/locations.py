"""Pages of tiers: how much is where, and the locations."""

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

from tiering.figures import hot_disk_percent, location_use, tier_use
from tiering.locations import try_out
from tiering.models import Location, LocationKind
from tiering.portal.forms import LocationForm
from tiering.selectors import open_damage, open_moves, policies_with_counts
from tiering.settings import minimum_copies

DAMAGES_SHOWN = 50


class Tiers(PermissionRequiredMixin, TemplateView):
    """How much is where, and what it costs."""

    permission_required = "tiering.view_location"
    raise_exception = True
    template_name = "tiering/tiers.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Tiers, locations and open moves."""
        return super().get_context_data(
            tiers=tier_use(),
            locations=location_use(),
            moves=open_moves()[:10],
            policies=policies_with_counts(),
            damages=open_damage()[:DAMAGES_SHOWN],
            hot_percent=hot_disk_percent(),
            copies=minimum_copies(),
            **kwargs,
        )


class LocationForms(PermissionRequiredMixin, SuccessMessageMixin, ModelFormMixin, View):
    """What the pages of a new location and of one that is there have in common."""

    raise_exception = True
    model = Location
    form_class = LocationForm
    success_url = reverse_lazy("tier-list")
    object: Location | None

    def kind(self) -> str:
        """Of the location; of a new one as the address of the page says."""
        if self.object is not None:
            return str(self.object.kind)
        asked = self.request.GET.get("kind", "")
        return asked if asked in LocationKind.values else LocationKind.FILESYSTEM.value

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form is that of one kind."""
        return super().get_form_kwargs() | {"kind": self.kind()}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The kinds to choose from."""
        return super().get_context_data(kind=self.kind(), kinds=LocationKind.choices, **kwargs)


class LocationCreate(LocationForms, CreateView):
    """A new location."""

    permission_required = "tiering.add_location"
    template_name = "tiering/location_form.html"
    success_message = gettext_lazy(
        "%(name)s is added. Press Test to see whether it works, then move studies to its tier."
    )


class LocationUpdate(LocationForms, UpdateView):
    """A location's settings."""

    permission_required = "tiering.change_location"
    template_name = "tiering/location_form.html"
    success_message = gettext_lazy("%(name)s is saved.")


class LocationDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a location is deleted; one that holds copies is kept."""

    permission_required = "tiering.delete_location"
    raise_exception = True
    model = Location
    template_name = "tiering/location_delete.html"
    success_url = reverse_lazy("tier-list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether copies keep it."""
        return super().get_context_data(has_packs=self.object.packs.exists(), **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete, unless a copy came in between."""
        try:
            response = super().form_valid(form)
        except ProtectedError:
            return HttpResponseRedirect(reverse("location-delete", args=[self.object.pk]))
        messages.success(self.request, _("%(name)s is deleted.") % {"name": self.object.name})
        return response


@require_POST
@permission_required("tiering.add_move", raise_exception=True)
def test_location(request: HttpRequest, pk: int) -> HttpResponse:
    """Write, read and remove a small object; the answer is a fragment, or a message where there is no script."""
    location = get_object_or_404(Location, pk=pk)
    trial = try_out(location)
    if request.headers.get("HX-Request"):
        return render(request, "tiering/_trial.html", {"trial": trial})
    (messages.success if trial.is_usable else messages.error)(request, f"{location.name}: {trial.words}")
    return HttpResponseRedirect(reverse("tier-list"))
