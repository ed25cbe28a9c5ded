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
from routing.kinds import settle, warnings_of
from routing.models import Destination, DestinationKind


class DestinationSerializer(StrictModelSerializer):
    """Where instances are sent to, and how its lane does. Which fields it takes depends on its kind."""

    secret = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Password, bearer token or S3 secret key. It is stored encrypted and never shown; empty keeps it.",
    )
    has_secret = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField()

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
            "url",
            "authentication",
            "username",
            "secret",
            "has_secret",
            "path",
            "bucket",
            "region",
            "is_enabled",
            "timeout_seconds",
            "maximum_associations",
            "batch_size",
            "maximum_bytes_per_second",
            "window_begins_at",
            "window_ends_at",
            "proof",
            "proof_after_minutes",
            "comment",
            "warnings",
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

    def get_has_secret(self, destination: Destination) -> bool:
        """Whether one is stored."""
        return bool(destination.secret)

    def get_warnings(self, destination: Destination) -> list[str]:
        """What is allowed and still worth a thought."""
        return warnings_of(destination)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What its kind needs and takes; the secret is sealed."""
        entered = attrs.pop("secret", "")
        before = self.instance or Destination()
        values = {field.name: getattr(before, field.name) for field in Destination._meta.fields} | attrs
        if self.instance is None and values["kind"] == DestinationKind.DICOM:
            values["port"] = attrs.get("port")  # which has a default, but none that is right for every peer
        settled = settle(values, stored=before.secret, entered=entered)
        if settled.problems:
            raise serializers.ValidationError(settled.problems)
        return attrs | {"secret": settled.secret}


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
        """Ask for a sign of life: C-ECHO, a query, a file that is removed again, or an upload that is given up."""
        return Response(EchoSerializer(asdict(echo_destination(self.get_object()))).data)
