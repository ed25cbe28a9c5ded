"""The switch of a destination: hold what goes there, or let it go."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from routing.lanes import hold_lane, release_lane
from routing.models import Delivery, DeliveryState, Destination


@require_POST
@permission_required("routing.change_destination", raise_exception=True)
def hold(request: HttpRequest, pk: int) -> HttpResponse:
    """Hold a destination's deliveries, or release them."""
    destination = get_object_or_404(Destination, pk=pk)
    waiting = Delivery.objects.filter(destination=destination, state=DeliveryState.PENDING).count()
    if "on" in request.POST:
        release_lane(destination)
        words = f"{destination.name} is released: {waiting:,} waiting go out now."
    else:
        hold_lane(destination)
        words = f"{destination.name} is held: {waiting:,} wait, and what comes is kept, until it is released."
    messages.success(request, words)
    return HttpResponseRedirect(reverse("destination-list"))
