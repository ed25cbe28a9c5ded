"""Forms of the AI workers' pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from dicomnet.portal.forms import LinesField
from dicomnet.restrictions import normal_sop_classes
from dicomnet.sop_classes import keyword_of
from routing.ai.models import AIPool, AIWorker


class AIPoolForm(forms.ModelForm):
    """A pool: who of it is asked, and where results go."""

    result_sop_classes = LinesField(
        normal_sop_classes,
        shown=keyword_of,
        label=_("Only results of these SOP Classes"),
        help_text=_(
            "One per line, as SegmentationStorage or as UID. Others are quarantined. Empty: every storage class."
        ),
    )

    class Meta:
        model = AIPool
        fields = [
            "name",
            "algorithm",
            "strategy",
            "maximum_attempts",
            "result_destinations",
            "result_sop_classes",
            "is_enabled",
        ]
        widgets = {"result_destinations": forms.CheckboxSelectMultiple()}
        labels = {
            "name": _("Name"),
            "algorithm": _("Algorithm"),
            "result_destinations": _("Result destinations"),
            "strategy": _("Who gets the next request"),
            "maximum_attempts": _("Attempts"),
            "is_enabled": _("Ask this pool"),
        }
        help_texts = {
            "name": _("How the pages, rules and logs call it."),
            "result_destinations": _("Accepted results go to each of these, and nowhere else."),
            "maximum_attempts": _("How often a request is tried, each time on another worker while there is one."),
        }
        error_messages = {"name": {"unique": _("AI pool with this Name already exists.")}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["result_destinations"].required = False


class AIWorkerForm(forms.ModelForm):
    """A worker: where it listens, and how much of what it is given."""

    class Meta:
        model = AIWorker
        fields = [
            "pool",
            "name",
            "ae_title",
            "host",
            "port",
            "tls",
            "tls_server_name",
            "timeout_seconds",
            "maximum_requests",
            "weight",
            "is_enabled",
        ]
        labels = {
            "pool": _("Pool"),
            "name": _("Name"),
            "host": _("Host"),
            "port": _("Port"),
            "weight": _("Weight"),
            "timeout_seconds": _("Seconds to the result"),
            "maximum_requests": _("Requests at once"),
            "is_enabled": _("Ask this worker"),
        }
        help_texts = {
            "name": _("How the pages and logs call it."),
            "host": _("Host name or address. Results are taken from here only."),
            "timeout_seconds": _("Without a result by then another worker is asked."),
            "maximum_requests": _("More wait, or go to another worker."),
            "weight": _("Its share when the pool goes by weight."),
        }
        error_messages = {"name": {"unique": _("AI worker with this Name already exists.")}}
