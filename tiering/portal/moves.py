"""Pages of moves: what is under way, and having a study moved."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import DetailView, ListView

from studies.models import Study, Tier
from tiering.ask import ask_for_move, cancel
from tiering.errors import MoveRefused
from tiering.events import moves_due
from tiering.forecast import Forecast
from tiering.models import Move
from tiering.models.moves import OPEN
from tiering.next_step import next_step
from tiering.selectors import MOVE_TABS, list_moves, move_counts, open_move_of

LABELS = {
    "open": gettext_noop("Under way"),
    "failed": gettext_noop("Failed"),
    "done": gettext_noop("Done"),
    "all": gettext_noop("All"),
}


class MoveList(PermissionRequiredMixin, ListView):
    """Moves by state."""

    permission_required = "tiering.view_move"
    raise_exception = True
    template_name = "tiering/move_list.html"
    context_object_name = "moves"
    paginate_by = 50

    @property
    def current_tab(self) -> str:
        """The chosen tab; what is under way when none is."""
        asked = self.request.GET.get("tab", "")
        return asked if asked in MOVE_TABS else "open"

    def get_queryset(self) -> QuerySet[Move]:
        """Of the tab."""
        return list_moves(self.current_tab)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tabs with their counts."""
        counts = move_counts()
        tabs = [(tab, _(label), counts[tab]) for tab, label in LABELS.items()]
        return super().get_context_data(tabs=tabs, current_tab=self.current_tab, **kwargs)


class MoveDetail(PermissionRequiredMixin, DetailView):
    """One move: how far it is, what is in front of it, why, and what to do when it fails."""

    permission_required = "tiering.view_move"
    raise_exception = True
    queryset = Move.objects.select_related("study", "policy")
    template_name = "tiering/move.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The numbers that the API gives as well."""
        return super().get_context_data(
            progress=Forecast().of(self.object),
            is_open=self.object.state in OPEN,
            next_step=next_step(self.object),
            **kwargs,
        )


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def study_move_state(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """How the study's way to another tier stands: a fragment of pages that wait for it."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    move = open_move_of(study)
    context = {"study": study, "move": move, "progress": Forecast().of(move) if move else None, "is_open": bool(move)}
    return render(request, "tiering/_study_move.html", context)


@require_POST
@permission_required("tiering.add_move", raise_exception=True)
def move_study(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """Have a study moved to the tier that was chosen."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    tier = request.POST.get("tier", "")
    try:
        ask_for_move(study, tier, by=request.user.get_username())
    except MoveRefused as error:
        messages.error(request, str(error))
    else:
        transaction.on_commit(lambda: moves_due.send(Move))
        words = _("The study goes to the tier %(tier)s; it can be read meanwhile.")
        messages.success(request, words % {"tier": str(Tier(tier).label).lower()})
    return HttpResponseRedirect(reverse("study-detail", args=[study_instance_uid]))


@require_POST
@permission_required("tiering.change_move", raise_exception=True)
def cancel_move(request: HttpRequest, pk: int) -> HttpResponse:
    """End a move that has not switched yet."""
    if cancel(get_object_or_404(Move, pk=pk)):
        messages.success(request, _("The move has ended; the study stays where it was."))
    else:
        messages.error(request, _("It is too late for that: the study is read from the new tier already."))
    return HttpResponseRedirect(reverse("move-list"))


@require_POST
@permission_required("tiering.change_move", raise_exception=True)
def retry_move(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a failed move again."""
    move = get_object_or_404(Move.objects.select_related("study", "policy"), pk=pk)
    by = request.user.get_username()
    try:
        ask_for_move(move.study, move.to_tier, by=by, policy=move.policy, reason=move.reason)
    except MoveRefused as error:
        messages.error(request, str(error))
    else:
        transaction.on_commit(lambda: moves_due.send(Move))
        messages.success(request, _("It is tried again."))
    return HttpResponseRedirect(reverse("move-list"))
