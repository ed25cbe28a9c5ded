"""Send a study where a person says, from its page."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from routing.models import Destination
from routing.queue import send_by_hand
from studies.models import Study


@require_POST
@permission_required("routing.change_delivery", raise_exception=True)
def send_study(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """Send all of a study to the destination that was chosen."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    chosen = request.POST.get("destination", "")
    destination = Destination.objects.filter(pk=int(chosen)).first() if chosen.isdecimal() else None
    if destination is None:
        messages.error(request, _("Choose a destination."))
    else:
        count = send_by_hand(study, destination, by=request.user.get_username())
        words = ngettext(
            "%(count)s instance on the way to %(name)s.", "%(count)s instances on the way to %(name)s.", count
        ) % {"count": count, "name": destination.name}
        if not destination.is_enabled:
            words += " " + _("It is held: they wait until it is on again.")
        messages.success(request, words)
    return HttpResponseRedirect(reverse("study-detail", args=[study_instance_uid]))
