"""Forms of the pages of tiers."""

from typing import Any

from django import forms

from tiering.locations import settle
from tiering.models import Location, LocationKind

_COLD_STORAGE = ("storage_class", "restore_speed", "restore_days")
_OF_S3 = ("bucket", "endpoint_url", "region", "access_key", "secret_key", *_COLD_STORAGE)


class LocationForm(forms.ModelForm):
    """A folder or bucket, with the fields of its kind."""

    secret_key = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text="It is stored encrypted, and never shown again.",
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
            "location_type": "Where it stands",
            "edge_id": "Site",
            "restore_days": "Days that a restored object stays",
            "is_enabled": "Write to it",
            "is_encrypted": "Encrypt what is written",
            "capacity_bytes": "Capacity in bytes",
            "expected_latency_seconds": "Seconds until a read begins",
            "bytes_per_second": "Bytes per second, at most",
            "max_parallel": "Moves at once, at most",
            "timeout_seconds": "Timeout in seconds",
        }
        help_texts = {
            "name": "How pages and logs call it.",
            "is_enabled": "Off: nothing new goes there; what is there can be read.",
            "compression": "Of packs from now on. Images that are compressed already are stored as they are.",
            "is_encrypted": "Packs from now on. Without the encryption keys of this gateway nobody reads them, so back "
            "those up elsewhere.",
        }

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = kind
        if kind == LocationKind.FILESYSTEM:
            for name in _OF_S3:
                del self.fields[name]
            self.fields["path"].label = "Folder"
            self.fields["path"].help_text = "On another disk than Gantry's own, such as /mnt/cold. It is not made."
            self.fields["path"].required = True
        else:
            self.fields["path"].label = "Prefix"
            self.fields["path"].help_text = "Of every object's name. Empty: none."
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
