"""API: the ledger of deliveries, with retry and cancel; and sending a study again."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from dicomnet.strict import StrictModelSerializer, StrictSerializer
from routing import queue
from routing.api.fields import WORDS, PriorityField
from routing.api.ledger import LaneSerializer, LedgerSerializer, ledger
from routing.filters import DeliveryFilters, list_deliveries, with_ae_title
from routing.models import Attempt, Delivery, DeliveryState, Destination, Priority, Rule
from routing.selectors import lanes, with_what_a_list_shows
from studies.models import Study


class NotInThisState(APIException):
    """The delivery's state does not allow it."""

    status_code = 409


class DeliverySerializer(StrictModelSerializer):
    """One instance on its way to one destination."""

    sop_instance_uid = serializers.CharField(source="instance.sop_instance_uid", read_only=True)
    study_instance_uid = serializers.CharField(source="instance.series.study.study_instance_uid", read_only=True)
    destination_name = serializers.CharField(source="destination.name", read_only=True)
    rule = serializers.IntegerField(source="rule_version.rule_id", default=None, allow_null=True, read_only=True)
    rule_name = serializers.CharField(source="rule_version.rule.name", default="", read_only=True)
    rule_version = serializers.IntegerField(source="rule_version.number", default=None, allow_null=True, read_only=True)
    priority = PriorityField(read_only=True)
    last_status_words = serializers.CharField(source="status_in_words", read_only=True)

    class Meta:
        model = Delivery
        fields = [
            "id",
            "sop_instance_uid",
            "study_instance_uid",
            "destination",
            "destination_name",
            "rule",
            "rule_name",
            "rule_version",
            "priority",
            "state",
            "attempts",
            "lost_leases",
            "created_at",
            "queued_at",
            "next_attempt_at",
            "last_attempt_at",
            "delivered_at",
            "last_status",
            "last_status_words",
            "last_error",
            "calling_ae_title",
            "sent_bytes",
            "association",
            "made_by",
        ]


class AttemptSerializer(StrictModelSerializer):
    """One try that did not end well."""

    status_words = serializers.CharField(source="status_in_words", read_only=True)

    class Meta:
        model = Attempt
        fields = ["at", "status", "status_words", "error", "association"]


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with its failed attempts, the latest first."""

    failures = AttemptSerializer(many=True, read_only=True)

    class Meta:
        model = Delivery
        fields = [*DeliverySerializer.Meta.fields, "failures"]


class DeliveryFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Which deliveries."""

    state = django_filters.MultipleChoiceFilter(choices=DeliveryState.choices, label="May be given several times.")
    destination = django_filters.ModelChoiceFilter(queryset=Destination.objects.all())
    rule = django_filters.ModelChoiceFilter("rule_version__rule", queryset=Rule.objects.all())
    priority = django_filters.ChoiceFilter(choices=[(name, name) for name in WORDS.values()], method="by_priority")
    study_instance_uid = django_filters.CharFilter("instance__series__study__study_instance_uid")
    sop_instance_uid = django_filters.CharFilter("instance__sop_instance_uid")
    patient_id = django_filters.CharFilter("instance__series__study__patient_id", lookup_expr="iexact")
    ae_title = django_filters.CharFilter(method="by_ae_title", label="Of the source or of the destination.")
    error = django_filters.CharFilter("last_error", lookup_expr="icontains", label="Words that stand in the error.")

    class Meta:
        model = Delivery
        fields: list[str] = []

    def by_priority(self, deliveries: QuerySet[Delivery], name: str, value: str) -> QuerySet[Delivery]:
        """By the priority's name."""
        return deliveries.filter(priority=Priority[value.upper()])

    def by_ae_title(self, deliveries: QuerySet[Delivery], name: str, value: str) -> QuerySet[Delivery]:
        """What comes from it, and what goes to it."""
        return with_ae_title(deliveries, value)


class RetryFilterSerializer(StrictSerializer):
    """Which deliveries to retry; with nothing given, all that have failed."""

    state = serializers.ChoiceField(choices=DeliveryState.choices, default=DeliveryState.DEAD)
    destination = serializers.PrimaryKeyRelatedField(queryset=Destination.objects.all(), required=False)
    rule = serializers.PrimaryKeyRelatedField(queryset=Rule.objects.all(), required=False)
    priority = PriorityField(required=False)
    study_instance_uid = serializers.CharField(max_length=64, required=False)
    sop_instance_uid = serializers.CharField(max_length=64, required=False)
    patient_id = serializers.CharField(max_length=64, required=False)
    ae_title = serializers.CharField(max_length=16, required=False, help_text="Of the source or of the destination.")
    error = serializers.CharField(max_length=300, required=False, help_text="Words that stand in the error.")

    def deliveries(self) -> QuerySet[Delivery]:
        """Those that match all that was given."""
        given = dict(self.validated_data)
        return list_deliveries(DeliveryFilters(states=(given.pop("state"),), **given))


class CancelFilterSerializer(RetryFilterSerializer):
    """Which deliveries to cancel; the state has to be named, so that nobody empties the queue by an empty request."""

    state = serializers.ChoiceField(choices=[DeliveryState.PENDING, DeliveryState.DEAD])


class CountSerializer(serializers.Serializer[Any]):
    """How many deliveries it was."""

    deliveries = serializers.IntegerField()


class Deliveries(ReadOnlyModelViewSet[Delivery]):
    """The ledger, newest first."""

    queryset = with_what_a_list_shows(Delivery.objects.all())
    serializer_class = DeliverySerializer
    filterset_class = DeliveryFilter
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["created_at", "next_attempt_at", "delivered_at", "attempts", "priority", "state"]
    action_permissions = dict.fromkeys(("retry", "retry_many", "cancel", "cancel_many"), "routing.change_delivery")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Delivery]]:
        """One delivery comes with its failed attempts."""
        return DeliveryDetailSerializer if self.action == "retrieve" else DeliverySerializer

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Try a failed, cancelled or waiting delivery at once."""
        delivery = self._existing(pk)
        if not queue.retry(Delivery.objects.filter(pk=delivery.pk)):
            raise NotInThisState(f"A delivery that is {delivery.state} is not tried again; replay its study instead.")
        return Response(self.get_serializer(self._existing(pk)).data)

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Take a waiting or failed delivery out of the queue; it can still be retried."""
        delivery = self._existing(pk)
        if not queue.cancel(Delivery.objects.filter(pk=delivery.pk)):
            raise NotInThisState(f"A delivery that is {delivery.state} cannot be cancelled.")
        return Response(self.get_serializer(self._existing(pk)).data)

    @extend_schema(operation_id="deliveries_retry_many", request=RetryFilterSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"], url_path="retry", url_name="retry-many")
    def retry_many(self, request: Request) -> Response:
        """Try all deliveries at once that match a filter."""
        given = RetryFilterSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response({"deliveries": queue.retry(given.deliveries())})

    @extend_schema(operation_id="deliveries_cancel_many", request=CancelFilterSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"], url_path="cancel", url_name="cancel-many")
    def cancel_many(self, request: Request) -> Response:
        """Take all waiting or failed deliveries out of the queue that match a filter; each can still be retried."""
        given = CancelFilterSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response({"deliveries": queue.cancel(given.deliveries())})

    @extend_schema(responses=LedgerSerializer, filters=False)
    @action(detail=False, pagination_class=None, filterset_class=None)
    def ledger(self, request: Request) -> Response:
        """The books: for each destination, acknowledged = delivered + pending + dead + cancelled."""
        return Response(LedgerSerializer(ledger()).data)

    @extend_schema(responses=LaneSerializer(many=True), filters=False)
    @action(detail=False, pagination_class=None, filterset_class=None)
    def lanes(self, request: Request) -> Response:
        """How each destination's lane stands: what waits, how fast it goes, and when it will have sent all."""
        return Response(LaneSerializer(lanes(), many=True).data)

    def _existing(self, pk: str) -> Delivery:
        return get_object_or_404(self.get_queryset(), pk=pk)


class ReplaySerializer(StrictSerializer):
    """Where to send a study again."""

    destinations = serializers.PrimaryKeyRelatedField(
        queryset=Destination.objects.all(),
        many=True,
        required=False,
        allow_empty=False,
        help_text="All, when left out.",
    )


class Replay(APIView):
    """Send a study again."""

    required_permission = "routing.change_delivery"

    @extend_schema(request=ReplaySerializer, responses={202: CountSerializer})
    def post(self, request: Request, study_instance_uid: str) -> Response:
        """Send a study's instances again to where they went before, delivered or not."""
        study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
        given = ReplaySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        count = queue.replay(study, given.validated_data.get("destinations"))
        return Response({"deliveries": count}, status=status.HTTP_202_ACCEPTED)
