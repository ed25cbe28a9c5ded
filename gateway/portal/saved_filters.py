"""A person's saved filters of the study list: kept under a name, one of them the default, deleted again."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gateway.accounts.models import User
from gateway.portal.list_address import back_to_list, form_of, list_address
from gateway.portal.models import NAME_LENGTH, QUERY_LENGTH, SavedFilter
from gateway.portal.who import person

MAXIMUM = 30  # for one person: more are no choice but another list


@require_POST
@permission_required("studies.view_study", raise_exception=True)
def save_filter(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the list under a name; a name that there is gets them instead of what it had."""
    name = _name_of(request.POST.get("name", ""))
    query = form_of(request.POST.get("query", "")).query()
    if not name:
        messages.error(request, _("Give the filter a name."))
    elif not query:
        messages.error(request, _("Filter or sort the list first: there is nothing to save yet."))
    elif len(query) > QUERY_LENGTH or not _keep(person(request), name, query):
        messages.error(
            request,
            _("It cannot be saved: you have %(maximum)d filters, or this one is too long.") % {"maximum": MAXIMUM},
        )
    else:
        messages.success(request, _("Saved as “%(name)s”.") % {"name": name})
    return back_to_list(request)


@require_POST
@permission_required("studies.view_study", raise_exception=True)
def switch_default(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the list begin with this filter; once more, and it begins with all studies again."""
    saved = get_object_or_404(SavedFilter, pk=pk, user=person(request))
    with transaction.atomic():
        SavedFilter.objects.filter(user=person(request)).exclude(pk=pk).update(is_default=False)
        SavedFilter.objects.filter(pk=pk).update(is_default=not saved.is_default)
    words = (
        _("The list begins with all studies.")
        if saved.is_default
        else _("The list begins with “%(name)s”.") % {"name": saved.name}
    )
    messages.success(request, words)
    return HttpResponseRedirect(list_address(saved.query))


@require_POST
@permission_required("studies.view_study", raise_exception=True)
def delete_filter(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a filter; the studies stay as they are."""
    saved = get_object_or_404(SavedFilter, pk=pk, user=person(request))
    saved.delete()
    messages.success(request, _("“%(name)s” is deleted.") % {"name": saved.name})
    return back_to_list(request)


@transaction.atomic
def _keep(user: User, name: str, query: str) -> bool:
    others = SavedFilter.objects.filter(user=user).exclude(name=name)
    if others.count() >= MAXIMUM:
        return False
    SavedFilter.objects.update_or_create(user=user, name=name, defaults={"query": query})
    return True


def _name_of(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:NAME_LENGTH]
