"""The form of an allowlist entry."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dicomnet.models import AllowlistEntry
from dicomnet.restrictions import normal_certificates, normal_move_destinations, normal_sop_classes
from dicomnet.sop_classes import keyword_of

RIGHTS = ("may_echo", "may_store", "may_find", "may_move", "may_get", "may_commit")


class LinesField(forms.CharField):
    """A list of texts, one per line, kept in its normal form."""

    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false"})

    def __init__(self, normal: Callable[[Any], list[str]], *, shown: Callable[[str], str] = str, **kwargs: Any) -> None:
        self.normal, self.shown = normal, shown
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """A stored list as lines; what was typed stays as it is."""
        return "\n".join(self.shown(line) for line in value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """The lines that are not empty.

        Raises:
            ValidationError: one message for each line that makes no sense.
        """
        return self.normal([line for line in (super().clean(value) or "").splitlines() if line.strip()])

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compared as it is shown."""
        return super().has_changed(self.prepare_value(initial), data)


class AllowlistEntryForm(forms.ModelForm):
    """Who may call, from where, and for what."""

    certificates = LinesField(
        normal_certificates,
        label=_("Certificate"),
        help_text=_(
            "One per line; the caller must show one of them: the SHA-256 fingerprint, the common name, or a "
            "subject alternative name. Empty: no certificate is needed."
        ),
    )
    sop_classes = LinesField(
        normal_sop_classes,
        shown=keyword_of,
        label=_("Only these SOP Classes"),
        help_text=_("One per line, as CTImageStorage or as UID: all that it may store. Empty: every storage class."),
    )
    move_destinations = LinesField(
        normal_move_destinations,
        label=_("Move only to"),
        help_text=_("One AE title per line, where it may have studies sent to. Empty: each that this gateway knows."),
    )

    class Meta:
        model = AllowlistEntry
        fields = [
            "calling_ae_title",
            "network",
            "called_ae_title",
            "requires_tls",
            "certificates",
            *RIGHTS,
            "sop_classes",
            "move_destinations",
            "comment",
        ]
        labels = {
            "network": _("Network"),
            "comment": _("Comment"),
            "requires_tls": _("Only over TLS"),
            "may_echo": _("Echo"),
            "may_store": _("Store"),
            "may_find": _("Find"),
            "may_move": pgettext_lazy("C-MOVE", "Move"),
            "may_get": _("Get"),
            "may_commit": _("Commit"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if settings.GANTRY.dicom_tls_bind is None:
            self._add_help("requires_tls", _("This gateway does not listen for TLS: set GANTRY_DICOM_TLS_BIND."))
        if settings.GANTRY.tls_ca is None:
            self._add_help("certificates", _("No caller is asked for one as long as GANTRY_TLS_CA is not set."))

    def _add_help(self, name: str, words: str | Promise) -> None:
        self.fields[name].help_text = f"{self.fields[name].help_text} {words}"
