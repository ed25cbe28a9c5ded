"""Try the rules on a stored study or a file: which match, and why; nothing is stored or sent."""

import tempfile
from pathlib import Path
from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.views.generic import FormView

from dicomnet.part10 import NotPart10
from routing.portal.forms import TryForm
from routing.rules import RuleVerdict, explain_file
from studies.errors import MalformedDataSet
from studies.models import Instance
from studies.storage import hot_storage


class NothingToTry(Exception):
    """What was given cannot be judged; the message says why."""


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
        given, uid = form.cleaned_data["file"], form.cleaned_data["study_instance_uid"].strip()
        try:
            verdicts = _judge_upload(given) if given else _judge_study(uid)
        except NothingToTry as error:
            form.add_error("file" if given else "study_instance_uid", str(error))
            return self.form_invalid(form)
        return self.render_to_response(self.get_context_data(form=form, verdicts=verdicts, tried=given or uid))


def _judge_study(study_instance_uid: str) -> list[RuleVerdict]:
    instance = Instance.objects.filter(series__study__study_instance_uid=study_instance_uid).order_by("pk").first()
    if instance is None:
        raise NothingToTry("No stored study has this UID. Copy it from the page of the study.")
    try:
        return explain_file(Path(hot_storage().path(instance.location)))
    except OSError as error:
        raise NothingToTry("The file of the study's first instance cannot be read; see the System page.") from error
    except (NotPart10, MalformedDataSet) as error:
        raise NothingToTry(f"The study's first instance cannot be read: {error}.") from error


def _judge_upload(given: UploadedFile) -> list[RuleVerdict]:
    with tempfile.NamedTemporaryFile(prefix="gantry-try-", suffix=".dcm") as kept:
        for chunk in given.chunks():
            kept.write(chunk)
        kept.flush()
        try:
            return explain_file(Path(kept.name))
        except (NotPart10, MalformedDataSet) as error:
            raise NothingToTry(f"This is no DICOM file that can be read: {error}.") from error
