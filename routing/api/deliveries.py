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
from routing.api.fields import PriorityField
from routing.models import Delivery, DeliveryState, Destination, Rule
from routing.selectors import with_what_a_list_shows
from studies.models import Study


class NotInThisState(APIException):
    """The delivery's state does not allow it."""

    status_code = 409


class DeliverySerializer(StrictModelSerializer):
    """One instance on its way to one destination."""

    sop_instance_uid = serializers.CharField(source="instance.sop_instance_uid", read_only=True)
    study_instance_uid = serializers.CharField(source="instance.series.study.study_instance_uid", read_only=True)
    destination_name = serializers.CharField(source="destination.name", read_only=True)
    rule = serializers.IntegerField(source="rule_version.rule_id", default=None, read_only=True)
    rule_name = serializers.CharField(source="rule_version.rule.name", default="", read_only=True)
    rule_version = serializers.IntegerField(source="rule_version.number", default=None, read_only=True)
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
        ]


class DeliveryFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Which deliveries."""

    state = django_filters.MultipleChoiceFilter(choices=DeliveryState.choices, label="May be given several times.")
    destination = django_filters.ModelChoiceFilter(queryset=Destination.objects.all())
    rule = django_filters.ModelChoiceFilter("rule_version__rule", queryset=Rule.objects.all())
    study_instance_uid = django_filters.CharFilter("instance__series__study__study_instance_uid")
    sop_instance_uid = django_filters.CharFilter("instance__sop_instance_uid")

    class Meta:
        model = Delivery
        fields: list[str] = []


class RetryFilterSerializer(StrictSerializer):
    """Which deliveries to retry; with nothing given, all that have failed."""

    state = serializers.ChoiceField(choices=DeliveryState.choices, default=DeliveryState.DEAD)
    destination = serializers.PrimaryKeyRelatedField(queryset=Destination.objects.all(), required=False)
    rule = serializers.PrimaryKeyRelatedField(queryset=Rule.objects.all(), required=False)
    study_instance_uid = serializers.CharField(max_length=64, required=False)
    sop_instance_uid = serializers.CharField(max_length=64, required=False)

    def deliveries(self) -> QuerySet[Delivery]:
        """Those that match all that was given."""
        lookups = {
            "state": "state",
            "destination": "destination",
            "rule": "rule_version__rule",
            "study_instance_uid": "instance__series__study__study_instance_uid",
            "sop_instance_uid": "instance__sop_instance_uid",
        }
        return Delivery.objects.filter(**{lookups[name]: value for name, value in self.validated_data.items()})


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
    action_permissions = dict.fromkeys(("retry", "retry_many", "cancel"), "routing.change_delivery")

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
