"""The allowlist and the remote nodes in Django admin."""

from django.contrib import admin

from dicomnet.models import AllowlistEntry, RemoteNode
from dicomnet.portal.forms import AllowlistEntryForm


@admin.register(AllowlistEntry)
class AllowlistEntryAdmin(admin.ModelAdmin):
    """Entries with their rights."""

    form = AllowlistEntryForm
    list_display = [
        "calling_ae_title",
        "network",
        "called_ae_title",
        "requires_tls",
        "may_echo",
        "may_store",
        "may_find",
        "may_move",
        "may_get",
        "may_commit",
    ]
    search_fields = ["calling_ae_title", "network", "comment"]


@admin.register(RemoteNode)
class RemoteNodeAdmin(admin.ModelAdmin):
    """Where devices listen."""

    list_display = ["ae_title", "host", "port", "tls", "comment"]
    search_fields = ["ae_title", "host", "comment"]
