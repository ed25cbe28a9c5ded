"""Forms of routing's pages."""

from copy import copy
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from routing.filters import STATES_BY_TAB, DeliveryFilters
from routing.kinds import KINDS, NEUTRAL, settle
from routing.models import Destination, DestinationKind, Priority, ProofKind, Rule
from routing.validate import Finding, Severity, validate_draft

# What a field that several kinds share is called with each: label and help.
WORDS_BY_KIND: dict[str, dict[str, tuple[str, str]]] = {
    DestinationKind.STOW: {
        "url": (
            gettext_noop("URL"),
            gettext_noop("The root of the DICOMweb service, such as https://pacs.example/dicom-web."),
        ),
        "username": (gettext_noop("User name"), gettext_noop("Only for sign-in by user name and password.")),
        "secret": (gettext_noop("Password or token"), gettext_noop("It is stored encrypted, and never shown again.")),
    },
    DestinationKind.FOLDER: {
        "path": (
            gettext_noop("Folder"),
            gettext_noop("On this machine, such as /mnt/archive/dicom. It must exist; it is not made."),
        ),
    },
    DestinationKind.S3: {
        "url": (
            gettext_noop("Endpoint"),
            gettext_noop("Of an S3-compatible service, such as https://s3.example:9000. Empty: AWS."),
        ),
        "bucket": (gettext_noop("Bucket"), gettext_noop("It must exist.")),
        "region": (
            gettext_noop("Region"),
            gettext_noop("Such as eu-central-1. Empty: us-east-1, which most other services take."),
        ),
        "path": (gettext_noop("Prefix"), gettext_noop("Of every object's name, such as radiology/ct. Empty: none.")),
        "username": (gettext_noop("Access key"), ""),
        "secret": (gettext_noop("Secret key"), gettext_noop("It is stored encrypted, and never shown again.")),
    },
}

# How much is sent at once; left empty, a field has its usual value.
_LANE = {
    "timeout_seconds",
    "maximum_associations",
    "batch_size",
    "maximum_bytes_per_second",
    "proof",
    "proof_after_minutes",
}
LANE = {field.name: field.get_default() for field in Destination._meta.fields if field.name in _LANE}


class DeliveryFilterForm(forms.Form):
    """The filters of the deliveries page, from its address; what makes no sense filters nothing."""

    tab = forms.ChoiceField(choices=[(tab, tab.title()) for tab in STATES_BY_TAB], required=False)
    destination = forms.ModelChoiceField(
        Destination.objects.all(), required=False, empty_label=gettext_lazy("All destinations")
    )
    patient_id = forms.CharField(max_length=64, required=False, label=gettext_lazy("Patient ID"))
    study = forms.CharField(
        max_length=64, required=False, label=gettext_lazy("Study UID"), widget=forms.TextInput(attrs={"size": 24})
    )
    priority = forms.TypedChoiceField(
        choices=[("", gettext_lazy("All priorities")), *Priority.choices], coerce=int, empty_value=None, required=False
    )
    ae_title = forms.CharField(max_length=16, required=False, label=gettext_lazy("AE title"))
    error = forms.CharField(max_length=300, required=False, label=gettext_lazy("Words of the error"))

    @property
    def current_tab(self) -> str:
        """The chosen tab; waiting deliveries when none is."""
        self.is_valid()
        return self.cleaned_data.get("tab") or "waiting"

    def filters(self) -> DeliveryFilters:
        """What the selector takes."""
        values = self.cleaned_data if self.is_valid() else getattr(self, "cleaned_data", {})
        return DeliveryFilters(
            states=() if self.current_tab == "all" else STATES_BY_TAB[self.current_tab],
            destination=values.get("destination"),
            study_instance_uid=values.get("study", ""),
            patient_id=values.get("patient_id", ""),
            priority=values.get("priority"),
            ae_title=values.get("ae_title", ""),
            error=values.get("error", ""),
        )


class DestinationForm(forms.ModelForm):
    """Where to send to: the fields of one kind, and those that every kind has."""

    secret = forms.CharField(
        required=False,
        strip=False,
        label=gettext_lazy("Secret"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )

    class Meta:
        model = Destination
        fields = [
            "name",
            "ae_title",
            "host",
            "port",
            "tls",
            "tls_server_name",
            "calling_ae_title",
            "url",
            "authentication",
            "username",
            "path",
            "bucket",
            "region",
            "timeout_seconds",
            "maximum_associations",
            "batch_size",
            "maximum_bytes_per_second",
            "window_begins_at",
            "window_ends_at",
            "proof",
            "proof_after_minutes",
            "is_enabled",
            "comment",
        ]
        labels = {
            "name": gettext_lazy("Name"),
            "host": gettext_lazy("Host"),
            "port": gettext_lazy("Port"),
            "comment": gettext_lazy("Comment"),
            "is_enabled": gettext_lazy("Send to it"),
            "timeout_seconds": gettext_lazy("Timeout in seconds"),
            "maximum_associations": gettext_lazy("Connections at once, at most"),
            "batch_size": gettext_lazy("Instances per connection"),
            "maximum_bytes_per_second": gettext_lazy("Bytes per second, at most"),
            "window_begins_at": gettext_lazy("Send only from"),
            "window_ends_at": gettext_lazy("until"),
            "proof": gettext_lazy("How its word is checked"),
            "proof_after_minutes": gettext_lazy("Minutes before it is checked"),
            "authentication": gettext_lazy("How Gantry signs in"),
        }
        help_texts = {
            "name": gettext_lazy("How the pages, rules and logs call it."),
            "comment": gettext_lazy("What it is, and whom to call when it does not answer."),
            "maximum_bytes_per_second": gettext_lazy(
                "0: as fast as it goes. 1000000 leaves room on a line of 10 Mbit/s."
            ),
        }
        widgets = {
            "window_begins_at": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
            "window_ends_at": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        }
        error_messages = {"name": {"unique": gettext_lazy("Destination with this Name already exists.")}}

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = kind
        for name in set(NEUTRAL) - set(KINDS[kind].fields):
            del self.fields[name]
        for name, (label, help_text) in WORDS_BY_KIND.get(kind, {}).items():
            self.fields[name].label, self.fields[name].help_text = _(label), _(help_text)
        for name in KINDS[kind].needed:
            self.fields[name].required = name != "secret" or not self.instance.secret
        for name in LANE:
            self.fields[name].required = False
        self._explain_secret()
        proof: Any = self.fields["proof"]
        proof.required = False
        proof.choices = [choice for choice in ProofKind.choices if choice[0] in KINDS[kind].proofs]

    def _explain_secret(self) -> None:
        if "secret" in self.fields and self.instance.secret:
            self.fields["secret"].help_text = _("One is stored, and is never shown. Leave this empty to keep it.")

    def clean(self) -> dict[str, Any]:
        """What the kind needs; the secret is sealed."""
        given = super().clean() or {}
        entered = given.pop("secret", "")
        given |= {name: usual for name, usual in LANE.items() if given.get(name) in {None, ""}}
        before = {field.name: getattr(self.instance, field.name) for field in Destination._meta.fields}
        settled = settle(before | given, stored=self.instance.secret, entered=entered)
        for name, words in settled.problems.items():
            if name not in self.fields:
                self.add_error(None, words)
            elif name not in self.errors:
                self.add_error(name, words)
        if not self.errors:
            self.instance.secret = settled.secret
        return given


class RuleForm(forms.ModelForm):
    """A rule; its conditions and actions are JSON, which the page's editors write."""

    reason = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("Reason for this change"),
        help_text=gettext_lazy("Kept with the version, for whoever asks later."),
    )

    class Meta:
        model = Rule
        fields = [
            "name",
            "is_enabled",
            "order",
            "scope",
            "mode",
            "priority",
            "conditions",
            "destinations",
            "ai_pools",
            "actions",
            "comment",
        ]
        widgets = {
            "conditions": forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
            "actions": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
            "destinations": forms.CheckboxSelectMultiple(),
            "ai_pools": forms.CheckboxSelectMultiple(),
        }
        labels = {
            "name": gettext_lazy("Name"),
            "order": gettext_lazy("Order"),
            "mode": gettext_lazy("Mode"),
            "priority": gettext_lazy("Priority"),
            "conditions": gettext_lazy("Conditions"),
            "destinations": gettext_lazy("Destinations"),
            "actions": gettext_lazy("Actions"),
            "comment": gettext_lazy("Comment"),
            "is_enabled": gettext_lazy("Rule is on"),
            "scope": gettext_lazy("Decides on"),
        }
        help_texts = {
            "destinations": gettext_lazy("Every matching instance goes to each of these."),
            "ai_pools": gettext_lazy("One worker of each of these gets the matching instances of a study."),
            "priority": gettext_lazy("STAT goes before everything else that waits for the same destination."),
            "comment": gettext_lazy("Why this rule exists, and who asked for it."),
            "scope": gettext_lazy("Completeness is quiet time: see the documentation of rules."),
            "mode": gettext_lazy("Shadow shows what a rule would take before it acts."),
        }
        error_messages = {"name": {"unique": gettext_lazy("Rule with this Name already exists.")}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("scope", "mode"):
            self.fields[name].required = False  # what is not given has its default

    def clean_conditions(self) -> Any:
        """An emptied text means no condition."""
        return self.cleaned_data["conditions"] or []

    def clean_actions(self) -> Any:
        """An emptied text means no action."""
        return self.cleaned_data["actions"] or []

    def clean(self) -> dict[str, Any]:
        """What validation calls an error; it looks at the rule as a whole, beside the others."""
        values = super().clean() or {}
        if not self.errors:
            errors = [each for each in self.findings() if each.severity == Severity.ERROR]
            for finding in errors:
                self.add_error("destinations" if finding.code == "does-nothing" else None, finding.words)
        return values

    def draft(self) -> Rule:
        """The rule as the valid form describes it, which is not saved."""
        rule: Rule = copy(self.instance)
        for name in self.Meta.fields:
            if name not in {"destinations", "ai_pools"} and self.cleaned_data.get(name) not in (None, ""):
                setattr(rule, name, self.cleaned_data[name])
        return rule

    def findings(self) -> list[Finding]:
        """What is wrong, or looks wrong, with the rule as the valid form describes it."""
        return validate_draft(self.draft(), self.cleaned_data["destinations"], self.cleaned_data["ai_pools"])


class TryForm(forms.Form):
    """What to try the rules with: a stored study, or a file that is not kept."""

    study_instance_uid = forms.CharField(
        max_length=64,
        required=False,
        label=gettext_lazy("Study Instance UID of a stored study"),
        help_text=gettext_lazy(
            "One instance of each series is judged. The study's page has the UID, with a button that copies it."
        ),
    )
    file = forms.FileField(
        required=False,
        label=gettext_lazy("A DICOM file"),
        help_text=gettext_lazy("It is judged and thrown away: nothing is stored or sent."),
    )

    def clean(self) -> dict[str, Any]:
        """One of the two, not both."""
        values = super().clean() or {}
        if bool(values.get("study_instance_uid")) == bool(values.get("file")) and not self.errors:
            raise forms.ValidationError(_("Give the UID of a stored study, or choose a file: one of the two."))
        return values
