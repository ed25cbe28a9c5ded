"""Allowlist entries in the document."""

from dicomnet.api import AllowlistEntrySerializer
from dicomnet.models import AllowlistEntry
from gateway.configuration.kind import Key, Kind


class Allowlist(Kind):
    """Who may call this gateway."""

    name, noun = "allowlist", "allowlist entry"
    model, serializer = AllowlistEntry, AllowlistEntrySerializer
    key = ("calling_ae_title", "network", "called_ae_title")
    shown = frozenset({"may_echo", "may_store"})
    fields = (
        "calling_ae_title",
        "network",
        "called_ae_title",
        "requires_tls",
        "certificates",
        "may_echo",
        "may_store",
        "may_find",
        "may_move",
        "may_get",
        "may_commit",
        "sop_classes",
        "move_destinations",
        "comment",
    )

    def title(self, key: Key) -> str:
        """Caller, network, and whom it calls where that is said."""
        calling, network, called = key
        return f"{calling} from {network}{f' to {called}' if called else ''}"
