"""Labels by hand, on a study's page."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from studies.labels import clean_label, give_label, is_legal_hold, take_label
from studies.models import Study


@require_POST
@permission_required("studies.change_study", raise_exception=True)
def add_label(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """Give a study a label."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    label = clean_label(request.POST.get("label", ""))
    if not label:
        messages.error(request, _("Write a label first."))
    elif give_label(study, label, by=request.user.get_username()):
        messages.success(request, _("Labelled “%(label)s”.") % {"label": label})
    else:
        messages.error(request, _("The study has this label already, or as many as it may have."))
    return HttpResponseRedirect(reverse("study-detail", args=[study_instance_uid]))


@require_POST
@permission_required("studies.change_study", raise_exception=True)
def remove_label(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """Take a label off; a legal hold is for administrators to end."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    label = request.POST.get("label", "")
    if is_legal_hold(label) and not request.user.has_perm("studies.delete_studylabel"):
        messages.error(request, _("Only administrators end a legal hold."))
    elif take_label(study, label):
        messages.success(request, _("“%(label)s” is off.") % {"label": clean_label(label)})
    return HttpResponseRedirect(reverse("study-detail", args=[study_instance_uid]))
