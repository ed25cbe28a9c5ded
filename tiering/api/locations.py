"""API: locations of the cold and the archive tier, and whether they work (``tiers``)."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from dicomnet.strict import StrictModelSerializer
from tiering.locations import settle, try_out
from tiering.models import Location


class TierLocationSerializer(StrictModelSerializer):
    """A folder or bucket that keeps copies of studies, for one tier."""

    secret_key = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="S3 secret key. It is stored encrypted and never shown; empty keeps it.",
    )
    has_secret_key = serializers.SerializerMethodField()

    class Meta:
        model = Location
        fields = [
            "id",
            "name",
            "tier",
            "kind",
            "is_enabled",
            "path",
            "bucket",
            "endpoint_url",
            "region",
            "access_key",
            "secret_key",
            "has_secret_key",
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
            "created_at",
        ]
        read_only_fields = ["created_at"]

    def get_has_secret_key(self, location: Location) -> bool:
        """Whether one is stored."""
        return bool(location.secret_key)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What its kind needs and takes; the secret key is sealed."""
        entered = attrs.pop("secret_key", "")
        settled = settle(self.instance or Location(), attrs, entered=entered)
        if settled.problems:
            raise serializers.ValidationError(settled.problems)
        return attrs | {"secret_key": settled.secret}


class TrialSerializer(serializers.Serializer[Any]):
    """What became of a small object that was written, read and removed."""

    is_usable = serializers.BooleanField()
    milliseconds = serializers.FloatField()
    words = serializers.CharField(help_text="What went wrong, or that nothing did.")


class Locations(ModelViewSet[Location]):
    """Where copies of studies may lie. The hot tier needs none: it is the folder that receives."""

    queryset = Location.objects.all()
    serializer_class = TierLocationSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["name", "tier", "created_at"]
    action_permissions = {"test": "tiering.add_move"}

    @extend_schema(request=None, responses=TrialSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Write a small object there, read it back and remove it."""
        return Response(TrialSerializer(asdict(try_out(self.get_object()))).data)
