"""API: the hosts, their processes, and how they do."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.filters import refuse_unknown_parameters
from gateway.nodes.models import Kind
from gateway.nodes.selectors import NodeView, board
from gateway.nodes.states import State


class DiskSerializer(serializers.Serializer[Any]):
    """A file system that Gantry writes to."""

    label = serializers.CharField()  # type: ignore[assignment]  # the field's name, not the serializer's
    path = serializers.CharField()
    total_bytes = serializers.IntegerField()
    free_bytes = serializers.IntegerField()
    used_percent = serializers.FloatField(help_text="Of bytes or of inodes, whichever is fuller.")


class ProcessSerializer(serializers.Serializer[Any]):
    """One run of a process."""

    kind = serializers.ChoiceField(choices=Kind.choices, source="process.kind")
    name = serializers.CharField(source="process.name")
    pid = serializers.IntegerField(source="process.pid")
    state = serializers.ChoiceField(choices=State.choices)
    version = serializers.CharField(source="process.version")
    commit = serializers.CharField(source="process.commit")
    is_other_version = serializers.BooleanField(help_text="It runs other code than what was started last.")
    started_at = serializers.DateTimeField(source="process.started_at")
    seen_at = serializers.DateTimeField(source="process.seen_at")
    age_seconds = serializers.FloatField(help_text="Since it was last seen; more than 45: it is gone.")
    load = serializers.IntegerField(
        source="process.load", allow_null=True, help_text="Open connections of web and scp, running tasks of workers."
    )
    rss_bytes = serializers.IntegerField(source="process.rss_bytes")


class NodeSerializer(serializers.Serializer[NodeView]):
    """A host, as one of its processes last measured it."""

    name = serializers.CharField(source="node.name")
    state = serializers.ChoiceField(choices=State.choices)
    version = serializers.CharField(source="node.version")
    seen_at = serializers.DateTimeField(source="node.seen_at", allow_null=True)
    age_seconds = serializers.FloatField(allow_null=True, help_text="Since it was last measured.")
    is_measured = serializers.BooleanField(help_text="The figures are of now; false: of when it was last seen.")
    booted_at = serializers.DateTimeField(source="node.booted_at", allow_null=True)
    cpu_count = serializers.IntegerField(source="node.cpu_count")
    cpu_percent = serializers.FloatField(source="node.cpu_percent")
    load_average = serializers.FloatField(source="node.load_average", help_text="Of the last minute.")
    memory_total_bytes = serializers.IntegerField(source="node.memory_total_bytes")
    memory_used_bytes = serializers.IntegerField(source="node.memory_used_bytes")
    disks = DiskSerializer(many=True, source="node.disks")
    processes = ProcessSerializer(many=True)


class Nodes(GenericAPIView[Any]):
    """Hosts and processes."""

    required_permission = "nodes.view_node"
    serializer_class = NodeSerializer
    filter_backends = ()  # what is shown is no query set

    @extend_schema(operation_id="system_nodes_list", responses=NodeSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All hosts by name, with the heartbeats of their processes."""
        refuse_unknown_parameters(request.query_params, {"page", "page_size"})
        page = self.paginate_queryset(board())
        return self.get_paginated_response(NodeSerializer(page, many=True).data)  # type: ignore[arg-type]
