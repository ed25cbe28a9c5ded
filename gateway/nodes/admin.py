"""Hosts, processes and events in Django admin: to look at, for the processes alone write them."""

from django.contrib import admin

from gateway.nodes.models import Node, Process, SystemEvent
from studies.admin import ReadOnlyAdmin


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    """Hosts."""

    list_display = ["name", "version", "seen_at", "cpu_percent", "load_average", "memory_used_bytes"]


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    """Runs of processes."""

    list_display = ["name", "node", "pid", "version", "commit", "started_at", "seen_at", "stopped_at", "load"]
    list_filter = ["kind", "node"]
    list_select_related = ["node"]


@admin.register(SystemEvent)
class SystemEventAdmin(ReadOnlyAdmin):
    """What happened."""

    list_display = ["at", "node", "kind", "subject", "words"]
    list_filter = ["kind", "node"]
