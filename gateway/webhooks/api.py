"""API: webhooks, what was sent to them, and a test."""

from dataclasses import asdict
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from dicomnet.strict import StrictModelSerializer
from gateway.webhooks import change
from gateway.webhooks.bodies import trial_body
from gateway.webhooks.call import call
from gateway.webhooks.kinds import EventKind
from gateway.webhooks.models import DeliveryState, Webhook, WebhookDelivery, new_message_id
from gateway.webhooks.selectors import State, state_of

STANDING = ["failures_in_a_row", "paused_until", "last_success_at", "last_failure_at", "last_error"]


class WasDelivered(APIException):
    """A message that was taken is not sent again."""

    status_code = 409
    default_detail = "It was delivered; it is not sent again."


class WebhookSerializer(StrictModelSerializer):
    """A system that is told of events, and how it did lately."""

    events = serializers.ListField(
        child=serializers.ChoiceField(choices=EventKind.choices), allow_empty=False, help_text="What it is told of."
    )
    state = serializers.SerializerMethodField()

    class Meta:
        model = Webhook
        fields = ["id", *change.FIELDS, "state", "former_until", "created_at", "updated_at", *STANDING]
        read_only_fields = ["former_until", "created_at", "updated_at", *STANDING]

    def get_state(self, webhook: Webhook) -> State:
        """As of the last attempt."""
        return state_of(webhook)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An address that Gantry calls."""
        before = self.instance or Webhook()
        problems = change.problems_of({name: getattr(before, name) for name in change.FIELDS} | attrs)
        if problems:
            raise ValidationError(problems)
        return attrs

    def update(self, instance: Webhook, validated_data: dict[str, Any]) -> Webhook:
        """Save what was given."""
        return change.save(instance, validated_data)


class SecretSerializer(serializers.Serializer[Any]):
    """The one time that a secret is shown."""

    secret = serializers.CharField(read_only=True, help_text="Shown once. Messages are signed with it.")


class NewWebhookSerializer(WebhookSerializer):
    """The answer to a new webhook, with its secret."""

    secret = serializers.CharField(read_only=True, help_text="Shown once. Messages are signed with it.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class WebhookTestSerializer(serializers.Serializer[Any]):
    """What came of a test."""

    is_alive = serializers.BooleanField(help_text="It was answered with 2xx.")
    status = serializers.IntegerField(allow_null=True, help_text="Of HTTP; null: no answer.")
    words = serializers.CharField()
    milliseconds = serializers.FloatField()
    text = serializers.CharField(help_text="The beginning of the answer's body.")


class WebhookDeliverySerializer(StrictModelSerializer):
    """One event on its way to one webhook."""

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "message_id",
            "event",
            "study_instance_uid",
            "body",
            "state",
            "attempts",
            "created_at",
            "queued_at",
            "next_attempt_at",
            "last_attempt_at",
            "delivered_at",
            "last_status",
            "last_error",
        ]


class WebhookDeliveryFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Which messages."""

    state = django_filters.ChoiceFilter(choices=DeliveryState.choices)
    event = django_filters.ChoiceFilter(choices=EventKind.choices)
    study_instance_uid = django_filters.CharFilter()

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []


class RetriedSerializer(serializers.Serializer[Any]):
    """How many messages it was."""

    deliveries = serializers.IntegerField()


class Webhooks(ModelViewSet[Webhook]):
    """Systems that are told of events."""

    queryset = Webhook.objects.all()
    serializer_class = WebhookSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["name", "created_at", "last_success_at", "last_failure_at"]
    action_permissions = dict.fromkeys(("test", "rotate_secret"), "webhooks.change_webhook")

    @extend_schema(request=WebhookSerializer, responses={201: NewWebhookSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a webhook. The answer holds its secret; it cannot be shown again."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        webhook, secret = change.make(given.validated_data)
        shown = self.get_serializer(webhook).data | {"secret": secret}
        return Response(shown, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=WebhookTestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send a message that says only that it is a test, now, and answer with what came of it."""
        webhook = self.get_object()
        outcome = call(webhook, new_message_id(), trial_body(webhook.name))
        return Response(WebhookTestSerializer(asdict(outcome) | {"is_alive": outcome.is_alive}).data)

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret", url_name="rotate-secret")
    def rotate_secret(self, request: Request, pk: str) -> Response:
        """Make another secret. For a day messages are signed with both."""
        return Response({"secret": change.change_secret(self.get_object())})


class WebhookDeliveries(ReadOnlyModelViewSet[WebhookDelivery]):
    """What was sent to one webhook, or waits, the latest first."""

    queryset = WebhookDelivery.objects.order_by("-pk")
    serializer_class = WebhookDeliverySerializer
    filterset_class = WebhookDeliveryFilter
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["created_at", "next_attempt_at"]
    action_permissions = dict.fromkeys(("retry", "retry_dead"), "webhooks.change_webhookdelivery")

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        """Those of the webhook that the address names."""
        return super().get_queryset().filter(webhook=get_object_or_404(Webhook, pk=self.kwargs["webhook_pk"]))

    @extend_schema(request=None, responses=WebhookDeliverySerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, webhook_pk: str, pk: str) -> Response:
        """Try one message at once that waits or has failed."""
        delivery = get_object_or_404(self.get_queryset(), pk=pk)
        if not change.retry(delivery.webhook, WebhookDelivery.objects.filter(pk=delivery.pk)):
            raise WasDelivered
        delivery.refresh_from_db()
        return Response(WebhookDeliverySerializer(delivery).data)

    @extend_schema(operation_id="webhooks_deliveries_retry_dead", request=None, responses=RetriedSerializer)
    @action(detail=False, methods=["post"], url_path="retry", url_name="retry-dead")
    def retry_dead(self, request: Request, webhook_pk: str) -> Response:
        """Try all messages at once that have failed."""
        webhook = get_object_or_404(Webhook, pk=webhook_pk)
        dead = WebhookDelivery.objects.filter(state=DeliveryState.DEAD)
        return Response({"deliveries": change.retry(webhook, dead)})
