"""API: destinations, and whether they answer."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from dicomnet.strict import StrictModelSerializer
from routing.destinations import echo_destination
from routing.models import Destination


class DestinationSerializer(StrictModelSerializer):
    """A node that instances are sent to, and how its lane does."""

    class Meta:
        model = Destination
        fields = [
            "id",
            "name",
            "kind",
            "ae_title",
            "host",
            "port",
            "tls",
            "tls_server_name",
            "calling_ae_title",
            "is_enabled",
            "timeout_seconds",
            "comment",
            "created_at",
            "paused_until",
            "failures_in_a_row",
            "last_success_at",
            "last_failure_at",
            "last_error",
        ]
        read_only_fields = [
            "created_at",
            "paused_until",
            "failures_in_a_row",
            "last_success_at",
            "last_failure_at",
            "last_error",
        ]


class EchoSerializer(serializers.Serializer[Any]):
    """What became of an echo."""

    is_alive = serializers.BooleanField()
    milliseconds = serializers.FloatField()
    words = serializers.CharField(help_text="The status, or why there is none.")


class Destinations(ModelViewSet[Destination]):
    """Where instances are sent to."""

    queryset = Destination.objects.all()
    serializer_class = DestinationSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["name", "created_at", "last_success_at", "last_failure_at"]
    action_permissions = {"echo": "routing.change_delivery"}

    @extend_schema(request=None, responses=EchoSerializer)
    @action(detail=True, methods=["post"])
    def echo(self, request: Request, pk: str) -> Response:
        """Ask the destination for a sign of life (C-ECHO), association and release included in the time."""
        return Response(EchoSerializer(asdict(echo_destination(self.get_object()))).data)
