"""The licences of all packages that are part of Gantry."""

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from gateway.licences import find, packages, text_of


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def licences(request: HttpRequest) -> HttpResponse:
    """The list."""
    return render(request, "portal/licences.html", {"packages": packages()})


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def licence_text(request: HttpRequest, ecosystem: str, name: str) -> HttpResponse:
    """The text that came with a package."""
    package = find(ecosystem, name)
    text = text_of(package) if package else ""
    if not text:
        raise Http404(_("No licence text of %(name)s is here.") % {"name": name})
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
