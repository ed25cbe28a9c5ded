"""Forms of the AI workers' pages."""

from typing import Any

from django import forms

from dicomnet.portal.forms import LinesField
from dicomnet.restrictions import normal_sop_classes
from dicomnet.sop_classes import keyword_of
from routing.ai.models import AIPool, AIWorker


class AIPoolForm(forms.ModelForm):
    """A pool: who of it is asked, and where results go."""

    result_sop_classes = LinesField(
        normal_sop_classes,
        shown=keyword_of,
        label="Only results of these SOP Classes",
        help_text="One per line, as SegmentationStorage or as UID. Others are quarantined. Empty: every storage class.",
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
            "strategy": "Who gets the next request",
            "maximum_attempts": "Attempts",
            "is_enabled": "Ask this pool",
        }
        help_texts = {
            "name": "How the pages, rules and logs call it.",
            "result_destinations": "Accepted results go to each of these, and nowhere else.",
            "maximum_attempts": "How often a request is tried, each time on another worker while there is one.",
        }

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
            "timeout_seconds": "Seconds to the result",
            "maximum_requests": "Requests at once",
            "is_enabled": "Ask this worker",
        }
        help_texts = {
            "name": "How the pages and logs call it.",
            "host": "Host name or address. Results are taken from here only.",
            "timeout_seconds": "Without a result by then another worker is asked.",
            "maximum_requests": "More wait, or go to another worker.",
            "weight": "Its share when the pool goes by weight.",
        }
