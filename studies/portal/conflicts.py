"""The conflicts pages: instances that came in again with other bytes, and those that name another patient."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import ListView

from studies.models import Conflict, IdentityClash
from studies.resolve import choose_primary, mark_as_seen
from studies.selectors import conflicts, identity_clashes, open_counts


class _AttentionList(PermissionRequiredMixin, ListView):
    """What asks for attention, open ones first; ``?study=`` shows one study's."""

    raise_exception = True
    paginate_by = 50
    study_lookup = ""

    def of_study(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the study in the address, or all."""
        uid = self.request.GET.get("study", "")[:64]
        return rows.filter(**{self.study_lookup: uid}) if uid else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How many of either kind are open."""
        return super().get_context_data(
            open=open_counts(),
            study_instance_uid=self.request.GET.get("study", "")[:64],
            **kwargs,
        )


class ConflictList(_AttentionList):
    """Instances that came in again with other bytes."""

    permission_required = "studies.view_conflict"
    template_name = "studies/conflict_list.html"
    context_object_name = "conflicts"
    study_lookup = "instance__series__study__study_instance_uid"

    def get_queryset(self) -> QuerySet[Conflict]:
        """With study and instance, in one query."""
        return self.of_study(conflicts())


class IdentityClashList(_AttentionList):
    """Instances that name another patient or order than their study."""

    permission_required = "studies.view_identityclash"
    template_name = "studies/identity_clash_list.html"
    context_object_name = "clashes"
    study_lookup = "study__study_instance_uid"

    def get_queryset(self) -> QuerySet[IdentityClash]:
        """With their studies, in one query."""
        return self.of_study(identity_clashes())


@require_POST
@permission_required("studies.change_study", raise_exception=True)
def conflict_seen(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a conflict off the list of what asks for attention; both contents stay."""
    return _seen(request, Conflict.objects.filter(pk=pk), "conflict-list", _("Both contents stay stored."))


@require_POST
@permission_required("studies.change_study", raise_exception=True)
def clash_seen(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an identity clash off the list of what asks for attention; nothing else changes."""
    rows = IdentityClash.objects.filter(pk=pk)
    return _seen(request, rows, "identity-clash-list", _("The study shows what it showed before."))


@require_POST
@permission_required("studies.change_study", raise_exception=True)
def choose(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the content that the form names the primary one."""
    given = request.POST.get("instance", "")
    if given.isdecimal() and choose_primary(pk, int(given), by=request.user.get_username()):
        messages.success(request, _("Searches now know the content that you chose. Both contents stay stored."))
    else:
        messages.error(request, _("This conflict was changed meanwhile. Look at it again, then choose."))
    return _back(request, "conflict-list")


def _seen(
    request: HttpRequest, rows: QuerySet[Conflict] | QuerySet[IdentityClash], url_name: str, words: str
) -> HttpResponse:
    if mark_as_seen(rows, by=request.user.get_username()):
        messages.success(request, f"{_('Marked as seen.')} {words}")
    return _back(request, url_name)


def _back(request: HttpRequest, url_name: str) -> HttpResponse:
    query = request.POST.copy()
    for name in set(query) - {"page", "study"}:
        del query[name]
    return HttpResponseRedirect(f"{reverse(url_name)}{'?' if query else ''}{query.urlencode()}")
