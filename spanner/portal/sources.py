"""Pages of sources: the archives that are asked, and how they do."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django.views.generic import CreateView, DeleteView, DetailView, TemplateView, UpdateView, View
from django.views.generic.edit import ModelFormMixin

from spanner.change import change_source
from spanner.echo import echo_source
from spanner.history import hours_of, minutes_of, state_of
from spanner.kinds import warnings_of
from spanner.models import Source, SourceKind
from spanner.portal.forms import SourceForm
from spanner.selectors import federations, lately


class SourceList(PermissionRequiredMixin, TemplateView):
    """All archives that are asked, and the federations that they are in."""

    permission_required = "spanner.view_source"
    raise_exception = True
    template_name = "spanner/source_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How each did within the last hour."""
        return super().get_context_data(lately=lately(Source.objects.all()), federations=federations(), **kwargs)


class SourcePage(PermissionRequiredMixin, DetailView):
    """How one archive does, and did."""

    permission_required = "spanner.view_source"
    raise_exception = True
    model = Source
    template_name = "spanner/source.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Its state, the last hour by minutes and the last week by hours."""
        return super().get_context_data(
            state=state_of(self.object),
            minutes=minutes_of(self.object),
            hours=hours_of(self.object),
            federations=self.object.memberships.select_related("config"),
            **kwargs,
        )


class SourceForms(PermissionRequiredMixin, SuccessMessageMixin, ModelFormMixin, View):
    """What the pages of a new source and of one that is there have in common."""

    raise_exception = True
    model = Source
    form_class = SourceForm
    success_url = reverse_lazy("source-list")
    object: Source | None

    def kind(self) -> str:
        """Of the source; of a new one as the address of the page says."""
        if self.object is not None:
            return str(self.object.kind)
        asked = self.request.GET.get("kind", "")
        return asked if asked in SourceKind.values else SourceKind.DIMSE.value

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form is that of one kind."""
        return super().get_form_kwargs() | {"kind": self.kind()}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The kinds to choose from."""
        return super().get_context_data(kind=self.kind(), kinds=SourceKind.choices, **kwargs)


class SourceCreate(SourceForms, CreateView):
    """A new source."""

    permission_required = "spanner.add_source"
    template_name = "spanner/source_form.html"
    success_message = gettext_lazy(
        "%(name)s is added. Press Echo to see whether it answers, then put it into a federation."
    )

    def form_valid(self, form: Any) -> HttpResponse:
        """Save, and say what is worth a thought."""
        response: HttpResponse = super().form_valid(form)
        _warn(self.request, form.instance)
        return response


class SourceUpdate(SourceForms, UpdateView):
    """A source's settings."""

    permission_required = "spanner.change_source"
    template_name = "spanner/source_form.html"
    success_message = gettext_lazy("%(name)s is saved.")

    def form_valid(self, form: Any) -> HttpResponse:
        """Save what was changed, and nothing of how it did lately."""
        values = {name: form.cleaned_data[name] for name in form.changed_data if name in form.cleaned_data}
        source = Source.objects.get(pk=form.instance.pk)
        change_source(source, values | {"secret": form.instance.secret})
        _warn(self.request, source)
        messages.success(self.request, self.success_message % {"name": source.name})
        return HttpResponseRedirect(str(self.success_url))


class SourceDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a source is deleted."""

    permission_required = "spanner.delete_source"
    raise_exception = True
    model = Source
    template_name = "spanner/source_delete.html"
    success_url = reverse_lazy("source-list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The federations that it is in, by name."""
        names = self.object.memberships.values_list("config__name", flat=True)
        return super().get_context_data(federations=", ".join(names), **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete it."""
        messages.success(self.request, _("%(name)s is deleted.") % {"name": self.object.name})
        return super().form_valid(form)


@require_POST
@permission_required("spanner.add_query", raise_exception=True)
def echo(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the source for a sign of life now; the answer is a fragment, or a message where there is no script."""
    source = get_object_or_404(Source, pk=pk)
    outcome = echo_source(source)
    if request.headers.get("HX-Request"):
        return render(request, "_echo.html", {"outcome": outcome})
    words = f"{source.name}: {outcome.words} ({outcome.milliseconds:.0f} ms)"
    (messages.success if outcome.is_alive else messages.error)(request, words)
    return HttpResponseRedirect(str(reverse_lazy("source-list")))


def _warn(request: HttpRequest, source: Source) -> None:
    for words in warnings_of(source):
        messages.warning(request, words)
