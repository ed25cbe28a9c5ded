"""Forms of the pages of tiers."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tiering.locations import settle
from tiering.models import Location, LocationKind

_COLD_STORAGE = ("storage_class", "restore_speed", "restore_days")
_OF_S3 = ("bucket", "endpoint_url", "region", "access_key", "secret_key", *_COLD_STORAGE)


class LocationForm(forms.ModelForm):
    """A folder or bucket, with the fields of its kind."""

    secret_key = forms.CharField(
        required=False,
        strip=False,
        label=gettext_lazy("Secret key"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text=gettext_lazy("It is stored encrypted, and never shown again."),
    )

    class Meta:
        model = Location
        fields = [
            "name",
            "tier",
            "path",
            "bucket",
            "endpoint_url",
            "region",
            "access_key",
            "compression",
            "is_encrypted",
            "storage_class",
            "restore_speed",
            "restore_days",
            "location_type",
            "edge_id",
            "capacity_bytes",
            "cost_per_gb_month",
            "cost_per_gb_read",
            "expected_latency_seconds",
            "bytes_per_second",
            "max_parallel",
            "timeout_seconds",
            "is_enabled",
        ]
        labels = {
            "name": gettext_lazy("Name"),
            "tier": gettext_lazy("Tier"),
            "bucket": gettext_lazy("Bucket"),
            "region": gettext_lazy("Region"),
            "access_key": gettext_lazy("Access key"),
            "compression": gettext_lazy("Compression"),
            "storage_class": gettext_lazy("Storage class"),
            "restore_speed": gettext_lazy("Restore speed"),
            "location_type": gettext_lazy("Where it stands"),
            "edge_id": gettext_lazy("Site"),
            "restore_days": gettext_lazy("Days that a restored object stays"),
            "is_enabled": gettext_lazy("Write to it"),
            "is_encrypted": gettext_lazy("Encrypt what is written"),
            "capacity_bytes": gettext_lazy("Capacity in bytes"),
            "expected_latency_seconds": gettext_lazy("Seconds until a read begins"),
            "bytes_per_second": gettext_lazy("Bytes per second, at most"),
            "max_parallel": gettext_lazy("Moves at once, at most"),
            "timeout_seconds": gettext_lazy("Timeout in seconds"),
        }
        help_texts = {
            "name": gettext_lazy("How pages and logs call it."),
            "is_enabled": gettext_lazy("Off: nothing new goes there; what is there can be read."),
            "compression": gettext_lazy(
                "Of packs from now on. Images that are compressed already are stored as they are."
            ),
            "is_encrypted": gettext_lazy(
                "Packs from now on. Without the encryption keys of this gateway nobody reads them, "
                "so back those up elsewhere."
            ),
        }
        error_messages = {"name": {"unique": gettext_lazy("Location with this Name already exists.")}}

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = kind
        if kind == LocationKind.FILESYSTEM:
            for name in _OF_S3:
                del self.fields[name]
            self.fields["path"].label = _("Folder")
            self.fields["path"].help_text = _("On another disk than Gantry's own, such as /mnt/cold. It is not made.")
            self.fields["path"].required = True
        else:
            self.fields["path"].label = _("Prefix")
            self.fields["path"].help_text = _("Of every object's name. Empty: none.")
            for name in ("bucket", "access_key"):
                self.fields[name].required = True
            self.fields["secret_key"].required = not self.instance.secret_key

    def clean(self) -> dict[str, Any]:
        """What its kind needs; the secret key is sealed."""
        given = super().clean() or {}
        if self.errors:
            return given
        before = Location.objects.filter(pk=self.instance.pk).first() or Location(kind=self.instance.kind)
        settled = settle(before, given, entered=given.get("secret_key", ""))
        for name, words in settled.problems.items():
            self.add_error(name if name in self.fields else None, words)
        self.instance.secret_key = settled.secret
        return given
