"""The form of an allowlist entry."""

from django import forms

from dicomnet.models import AllowlistEntry

RIGHTS = ("may_echo", "may_store", "may_find", "may_move", "may_get", "may_commit")


class AllowlistEntryForm(forms.ModelForm):
    """Who may call, from where, and for what."""

    class Meta:
        model = AllowlistEntry
        fields = ["calling_ae_title", "network", "called_ae_title", *RIGHTS, "comment"]
        labels = {
            "may_echo": "Echo",
            "may_store": "Store",
            "may_find": "Find",
            "may_move": "Move",
            "may_get": "Get",
            "may_commit": "Commit",
        }
