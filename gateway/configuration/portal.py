"""Pages of the configuration, for administrators: take it away, apply a document, go back to what was."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from gateway.configuration.api import READ, WRITE, as_file
from gateway.configuration.carry_out import ChangedMeanwhile, apply
from gateway.configuration.changes import Outcome
from gateway.configuration.export import export
from gateway.configuration.models import ConfigSnapshot
from gateway.configuration.order import Order
from gateway.configuration.parse import LARGEST_BYTES, parse
from gateway.configuration.problems import BadDocument
from gateway.configuration.secret_references import FORMS, KEPT
from gateway.configuration.snapshots import bring_back, listed
from gateway.portal.who import person

SNAPSHOTS_SHOWN = 100


class ReasonForm(forms.Form):
    """Why, and which changes somebody has seen."""

    reason = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("Reason for this change"),
        help_text=gettext_lazy("Kept with the versions of rules, with the snapshot, and in the audit trail."),
    )
    agreed = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class ImportForm(ReasonForm):
    """A document: chosen as a file, and then carried along until it is applied."""

    file = forms.FileField(
        required=False,
        label=gettext_lazy("Document"),
        help_text=gettext_lazy("A YAML file as this page gives it out. First you see what it would change."),
    )
    name = forms.CharField(max_length=150, required=False, widget=forms.HiddenInput)
    document = forms.CharField(required=False, strip=False, widget=forms.Textarea)
    prune = forms.BooleanField(
        required=False,
        label=gettext_lazy("Remove what is not in it"),
        help_text=gettext_lazy("Of the sections that the document has. Without this, such rows stay as they are."),
    )

    def clean(self) -> dict[str, Any]:
        """The file, or the document that was looked at."""
        values = super().clean() or {}
        file = values.get("file")
        values["content"] = file.read(LARGEST_BYTES + 1) if file else values.get("document", "")
        if not self.errors and not values["content"]:
            raise ValidationError({"file": _("Choose a file.")})
        return values


@require_GET
@permission_required(READ, raise_exception=True)
def configuration(request: HttpRequest) -> HttpResponse:
    """What can be done, and the snapshots."""
    return render(request, "configuration/configuration.html", {"snapshots": listed()[:SNAPSHOTS_SHOWN]})


@require_GET
@permission_required(READ, raise_exception=True)
def download(request: HttpRequest) -> HttpResponse:
    """The document as a file."""
    form = request.GET.get("secrets", KEPT)
    return as_file(export(secrets=form if form in FORMS else KEPT))


@require_http_methods(["GET", "POST"])
@permission_required(WRITE, raise_exception=True)
def import_document(request: HttpRequest) -> HttpResponse:
    """Choose a document, see what it would change, apply it."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        content = form.cleaned_data["content"]
        file = form.cleaned_data["file"]
        name = file.name if file else form.cleaned_data["name"] or "a document"
        context["name"] = name[:150]
        order = _order(request, form, f"import of {name}", prune=form.cleaned_data["prune"])
        try:
            document = parse(content)
            context |= _carried_out(request, order, lambda order: apply(document, order))
        except BadDocument as error:
            context["problems"] = error.problems
        context["document"] = content if isinstance(content, str) else content.decode("utf-8-sig", "replace")
        if "applied" in context:
            return redirect("configuration")
    return render(request, "configuration/import.html", context, status=422 if context.get("problems") else 200)


@require_http_methods(["GET", "POST"])
@permission_required(WRITE, raise_exception=True)
def snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    """What going back to a snapshot would change; then do it."""
    found = get_object_or_404(ConfigSnapshot, pk=pk)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "snapshot": found}
    if form.is_valid() or not form.is_bound:
        try:
            order = _order(request, form, "")
            context |= _carried_out(request, order, lambda order: bring_back(found, order))
        except BadDocument as error:
            context["problems"] = error.problems
        if "applied" in context:
            return redirect("configuration")
    return render(request, "configuration/snapshot.html", context)


def _order(request: HttpRequest, form: forms.Form, what: str, *, prune: bool = False) -> Order:
    """A dry run, unless somebody agreed to changes that he has seen."""
    values = form.cleaned_data if form.is_bound else {}
    user = person(request)
    return Order(
        what=what,
        author=user,
        author_name=user.get_username(),
        reason=values.get("reason", ""),
        prune=prune,
        agreed=values.get("agreed", ""),
        is_dry_run=not ("apply" in request.POST and values.get("agreed")),
    )


def _carried_out(request: HttpRequest, order: Order, do: Any) -> dict[str, Any]:
    try:
        outcome: Outcome = do(order)
    except ChangedMeanwhile as error:
        messages.warning(request, _("The configuration has changed since you looked: look at the changes again."))
        return {"outcome": error.outcome}
    if not outcome.is_applied:
        return {"outcome": outcome}
    messages.success(request, _("Applied: %(summary)s.") % {"summary": outcome.summary})
    return {"applied": True}
