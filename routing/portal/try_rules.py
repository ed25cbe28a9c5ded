"""Try the rules, or a draft, on a stored study or a file: which match, and why; nothing is stored or sent."""

import tempfile
from pathlib import Path
from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.core.files.uploadedfile import UploadedFile
from django.forms import Form
from django.http import HttpResponse
from django.views.generic import FormView

from routing.explain import Candidate, NothingToExplain, RuleVerdict, explain_file, explain_study
from routing.portal.forms import TryForm


class RuleTry(PermissionRequiredMixin, FormView):
    """The form, and under it every rule's verdict."""

    permission_required = "routing.view_rule"
    raise_exception = True
    form_class = TryForm
    template_name = "routing/rule_try.html"

    def get_initial(self) -> dict[str, Any]:
        """A study's page links here with its UID."""
        return {"study_instance_uid": self.request.GET.get("study_instance_uid", "")}

    def form_valid(self, form: TryForm) -> HttpResponse:
        """Judge, and show the verdicts with the form."""
        verdicts = verdicts_of(form)
        if verdicts is None:
            return self.form_invalid(form)
        return self.render_to_response(self.get_context_data(form=form, verdicts=verdicts))


def verdicts_of(form: Form, draft: Candidate | None = None) -> list[RuleVerdict] | None:
    """Judge what a valid form names; None when it cannot be judged, and the form then says why."""
    given, uid = form.cleaned_data["file"], form.cleaned_data["study_instance_uid"].strip()
    try:
        return _judge_upload(given, draft) if given else explain_study(uid, draft)
    except NothingToExplain as error:
        form.add_error("file" if given else "study_instance_uid", str(error))
        return None


def _judge_upload(given: UploadedFile, draft: Candidate | None) -> list[RuleVerdict]:
    with tempfile.NamedTemporaryFile(prefix="gantry-try-", suffix=".dcm") as kept:
        for chunk in given.chunks():
            kept.write(chunk)
        kept.flush()
        return explain_file(Path(kept.name), draft)
