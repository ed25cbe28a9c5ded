"""API: the figures behind the charts."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gateway.analytics.figures import Figures, figures, stock
from gateway.analytics.units import DEFAULT_RANGE, LENGTH, RANGES
from gateway.filters import refuse_unknown_parameters
from routing.selectors import queues

RANGE_PARAMETER = OpenApiParameter(
    "range", str, enum=list(RANGES), description=f"Up to now; {DEFAULT_RANGE.key} by default. A year is 52 weeks."
)


class RangeSerializer(serializers.Serializer[Any]):
    """Which stretch of time an answer is about; all times are UTC."""

    range = serializers.CharField(help_text="As it was asked for.")
    bin_seconds = serializers.IntegerField(help_text="How long each bin is; the last one is the running one.")
    begins_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(help_text="Now.")


class ThroughputBinSerializer(serializers.Serializer[Any]):
    """What came in and went out in one bin."""

    begins_at = serializers.DateTimeField()
    received = serializers.IntegerField(help_text="Instances.")
    received_bytes = serializers.IntegerField()
    delivered = serializers.IntegerField(help_text="Deliveries: an instance that goes to two destinations is two.")
    delivered_bytes = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Attempts that failed, whether or not a later one went through.")


class ThroughputSerializer(RangeSerializer):
    """What came in and went out."""

    received_per_minute = serializers.FloatField(help_text="In the last five whole minutes.")
    delivered_per_minute = serializers.FloatField(help_text="In the last five whole minutes.")
    bins = ThroughputBinSerializer(many=True)


class VolumeBinSerializer(serializers.Serializer[Any]):
    """What began and came in, in one bin."""

    begins_at = serializers.DateTimeField()
    studies = serializers.IntegerField(help_text="Studies whose first instance came in.")
    instances = serializers.IntegerField(source="received")
    size_bytes = serializers.IntegerField(source="received_bytes")


class VolumeSerializer(RangeSerializer):
    """Studies and bytes over time."""

    bins = VolumeBinSerializer(many=True)


class ModalityShareSerializer(serializers.Serializer[Any]):
    """One modality's part."""

    modality = serializers.CharField(allow_blank=True, help_text="Empty: it said none.")
    instances = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    percent = serializers.FloatField(help_text="Of the instances.")


class ModalitiesSerializer(RangeSerializer):
    """What came in, by modality, the most first."""

    modalities = ModalityShareSerializer(many=True)


class DurationsSerializer(serializers.Serializer[Any]):
    """Quantiles from buckets, each of which ends 1.41 times higher than the one before."""

    count = serializers.IntegerField()
    p50_seconds = serializers.FloatField(allow_null=True)
    p95_seconds = serializers.FloatField(allow_null=True)


class LatencyBinSerializer(serializers.Serializer[Any]):
    """How long it took in one bin."""

    begins_at = serializers.DateTimeField()
    to_index = DurationsSerializer(help_text="From receipt until it can be found, by the minute of receipt.")
    to_delivery = DurationsSerializer(help_text="From receipt until a destination had it, by the minute it had it.")


class LatencySerializer(RangeSerializer):
    """How long it took; what a person had sent, or sent again, is not among it."""

    to_index = DurationsSerializer()
    to_delivery = DurationsSerializer()
    bins = LatencyBinSerializer(many=True)


class TierStockSerializer(serializers.Serializer[Any]):
    """What is read from one tier."""

    tier = serializers.CharField(help_text="hot, cold or archive.")
    studies = serializers.IntegerField()
    instances = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    counted_at = serializers.DateTimeField()


class StorageSerializer(serializers.Serializer[Any]):
    """What is stored; no tier at all before it was counted for the first time."""

    tiers = TierStockSerializer(many=True)


class QueueSerializer(serializers.Serializer[Any]):
    """What waits for one destination."""

    destination = serializers.IntegerField(source="destination.pk")
    destination_name = serializers.CharField(source="destination.name")
    waiting = serializers.IntegerField()
    sending = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="For good, until somebody retries them.")
    oldest_waiting_at = serializers.DateTimeField(allow_null=True)


class QueueBinSerializer(serializers.Serializer[Any]):
    """The queue in one bin, looked at every 15 seconds."""

    begins_at = serializers.DateTimeField()
    waiting = serializers.IntegerField(help_text="The most that were seen at once, those being sent among them.")
    waiting_seconds = serializers.IntegerField(help_text="The longest that the oldest was seen to have waited.")


class QueuesSerializer(RangeSerializer):
    """How deep the queue is, and how old."""

    waiting = serializers.IntegerField()
    sending = serializers.IntegerField()
    failed = serializers.IntegerField()
    oldest_waiting_at = serializers.DateTimeField(allow_null=True)
    destinations = QueueSerializer(many=True)
    bins = QueueBinSerializer(many=True)


class _Analytics(APIView):
    """Figures of a range."""

    required_permission = "analytics.view_tally"


class Throughput(_Analytics):
    """What came in and went out."""

    @extend_schema(parameters=[RANGE_PARAMETER], responses=ThroughputSerializer)
    def get(self, request: Request) -> Response:
        """Instances received, deliveries done and attempts failed, over time."""
        found, head = _asked(request)
        rates = {
            "received_per_minute": found.received_per_minute,
            "delivered_per_minute": found.delivered_per_minute,
        }
        return Response(ThroughputSerializer(head | rates | {"bins": found.bins}).data)


class Volume(_Analytics):
    """Studies over time."""

    @extend_schema(parameters=[RANGE_PARAMETER], responses=VolumeSerializer)
    def get(self, request: Request) -> Response:
        """Studies that began, and what came in, over time."""
        found, head = _asked(request)
        return Response(VolumeSerializer(head | {"bins": found.bins}).data)


class Modalities(_Analytics):
    """Modalities."""

    @extend_schema(parameters=[RANGE_PARAMETER], responses=ModalitiesSerializer)
    def get(self, request: Request) -> Response:
        """What came in, by modality."""
        found, head = _asked(request)
        return Response(ModalitiesSerializer(head | {"modalities": found.shares}).data)


class Latency(_Analytics):
    """How long it took."""

    @extend_schema(parameters=[RANGE_PARAMETER], responses=LatencySerializer)
    def get(self, request: Request) -> Response:
        """Median and 95th percentile from receipt to index and to delivery, over time and in all."""
        found, head = _asked(request)
        both = {"to_index": found.total.to_index, "to_delivery": found.total.to_delivery}
        return Response(LatencySerializer(head | both | {"bins": found.bins}).data)


class Storage(_Analytics):
    """What is stored."""

    @extend_schema(responses=StorageSerializer)
    def get(self, request: Request) -> Response:
        """Studies, instances and bytes by tier, as they were counted last."""
        refuse_unknown_parameters(request.query_params, set())
        return Response(StorageSerializer({"tiers": stock()}).data)


class Queue(_Analytics):
    """The queue."""

    @extend_schema(parameters=[RANGE_PARAMETER], responses=QueuesSerializer)
    def get(self, request: Request) -> Response:
        """What waits at this moment, in all and for each destination; and how deep the queue was."""
        found, head = _asked(request)
        waiting = queues()
        oldest = min((each.oldest_waiting_at for each in waiting if each.oldest_waiting_at), default=None)
        sums = {name: sum(getattr(each, name) for each in waiting) for name in ("waiting", "sending", "failed")}
        body = head | sums | {"oldest_waiting_at": oldest, "destinations": waiting, "bins": found.bins}
        return Response(QueuesSerializer(body).data)


def _asked(request: Request) -> tuple[Figures, dict[str, Any]]:
    """The figures of the range in the address, and what each answer says of it.

    Raises:
        ValidationError: there is no such range, or another parameter.
    """
    refuse_unknown_parameters(request.query_params, {"range"})
    chosen = RANGES.get(request.query_params.get("range", DEFAULT_RANGE.key))
    if chosen is None:
        raise ValidationError({"range": [f"Give one of {', '.join(RANGES)}."]})
    now = timezone.now()
    found = figures(chosen, now)
    head = {"range": chosen.key, "bin_seconds": int(LENGTH[chosen.unit].total_seconds())}
    return found, head | {"begins_at": found.total.begins_at, "ends_at": now}
