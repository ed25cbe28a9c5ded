"""The switch of a destination: hold what goes there, or let it go."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from routing.lanes import hold_lane, release_lane
from routing.models import Delivery, DeliveryState, Destination


@require_POST
@permission_required("routing.change_destination", raise_exception=True)
def hold(request: HttpRequest, pk: int) -> HttpResponse:
    """Hold a destination's deliveries, or release them."""
    destination = get_object_or_404(Destination, pk=pk)
    waiting = Delivery.objects.filter(destination=destination, state=DeliveryState.PENDING).count()
    shown = {"name": destination.name, "waiting": f"{waiting:,}"}
    if "on" in request.POST:
        release_lane(destination)
        words = _("%(name)s is released: %(waiting)s waiting go out now.") % shown
    else:
        hold_lane(destination)
        words = _("%(name)s is held: %(waiting)s wait, and what comes is kept, until it is released.") % shown
    messages.success(request, words)
    return HttpResponseRedirect(reverse("destination-list"))
