"""API: pools of AI workers, what they were asked, and what they answered."""

from dataclasses import asdict
from typing import Any

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from dicomnet.api import NormalListField
from dicomnet.restrictions import normal_sop_classes
from dicomnet.strict import StrictModelSerializer
from routing.ai import release, requests
from routing.ai.models import AIPool, AIRequest, AIRequestState, AIResult, AIVerdict, AIWorker
from routing.ai.selectors import list_requests, list_results
from routing.ai.workers import echo_worker
from routing.api.destinations import EchoSerializer
from routing.api.fields import PriorityField
from routing.models import Destination


class NotInThisState(APIException):
    """The state of the request or result does not allow it."""

    status_code = 409


class AIPoolSerializer(StrictModelSerializer):
    """Workers that run the same algorithm, and where their results go."""

    result_destinations = serializers.PrimaryKeyRelatedField(
        queryset=Destination.objects.all(), many=True, required=False, allow_empty=True
    )
    result_sop_classes = NormalListField(
        normal_sop_classes, help_text="UIDs or keywords that a result may have; answered as UIDs; empty: all."
    )

    class Meta:
        model = AIPool
        fields = [
            "id",
            "name",
            "algorithm",
            "strategy",
            "result_destinations",
            "result_sop_classes",
            "maximum_attempts",
            "is_enabled",
            "created_at",
        ]
        read_only_fields = ["created_at"]


class AIWorkerSerializer(StrictModelSerializer):
    """One node of a pool, and how it did lately."""

    class Meta:
        model = AIWorker
        fields = [
            "id",
            "pool",
            "name",
            "ae_title",
            "host",
            "port",
            "tls",
            "tls_server_name",
            "timeout_seconds",
            "maximum_requests",
            "weight",
            "is_enabled",
            "failures_in_a_row",
            "paused_until",
            "last_asked_at",
            "last_result_at",
            "last_error",
        ]
        read_only_fields = ["failures_in_a_row", "paused_until", "last_asked_at", "last_result_at", "last_error"]


class AIPools(ModelViewSet[AIPool]):
    """Pools of AI workers."""

    queryset = AIPool.objects.prefetch_related("result_destinations")
    serializer_class = AIPoolSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["name", "created_at"]


class AIWorkers(ModelViewSet[AIWorker]):
    """The nodes that compute."""

    queryset = AIWorker.objects.all()
    serializer_class = AIWorkerSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["name", "last_asked_at", "last_result_at"]
    action_permissions = {"echo": "routing.change_delivery"}

    @extend_schema(request=None, responses=EchoSerializer)
    @action(detail=True, methods=["post"])
    def echo(self, request: Request, pk: str) -> Response:
        """Ask the worker for a sign of life (C-ECHO), association and release included in the time."""
        return Response(EchoSerializer(asdict(echo_worker(self.get_object()))).data)


class AIRequestSerializer(StrictModelSerializer):
    """What a pool was asked about one study."""

    pool_name = serializers.CharField(source="pool.name", read_only=True)
    worker_name = serializers.CharField(source="worker.name", default="", read_only=True)
    rule = serializers.IntegerField(source="rule_version.rule_id", read_only=True)
    rule_version = serializers.IntegerField(source="rule_version.number", read_only=True)
    study_instance_uid = serializers.CharField(source="study.study_instance_uid", read_only=True)
    instance_count = serializers.IntegerField(read_only=True)
    priority = PriorityField(read_only=True)

    class Meta:
        model = AIRequest
        fields = [
            "id",
            "pool",
            "pool_name",
            "rule",
            "rule_version",
            "study_instance_uid",
            "instance_count",
            "priority",
            "state",
            "worker",
            "worker_name",
            "tried",
            "attempts",
            "created_at",
            "next_attempt_at",
            "sent_at",
            "deadline_at",
            "answered_at",
            "last_error",
        ]


class AIRequestFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Which requests."""

    state = django_filters.MultipleChoiceFilter(choices=AIRequestState.choices, label="May be given several times.")
    pool = django_filters.ModelChoiceFilter(queryset=AIPool.objects.all())
    worker = django_filters.ModelChoiceFilter(queryset=AIWorker.objects.all())
    study_instance_uid = django_filters.CharFilter("study__study_instance_uid")

    class Meta:
        model = AIRequest
        fields: list[str] = []


class AIRequests(ReadOnlyModelViewSet[AIRequest]):
    """What pools were asked, newest first."""

    queryset = list_requests()
    serializer_class = AIRequestSerializer
    filterset_class = AIRequestFilter
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["created_at", "sent_at", "answered_at", "state"]
    action_permissions = dict.fromkeys(("retry", "cancel"), "routing.change_delivery")

    @extend_schema(request=None, responses=AIRequestSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Ask again at once: a failed, cancelled or waiting request."""
        found = self._existing(pk)
        if not requests.retry(AIRequest.objects.filter(pk=found.pk)):
            raise NotInThisState(f"A request that is {found.state} is not asked again.")
        return Response(self.get_serializer(self._existing(pk)).data)

    @extend_schema(request=None, responses=AIRequestSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Take a request back; a result that comes all the same is quarantined."""
        found = self._existing(pk)
        if not requests.cancel(AIRequest.objects.filter(pk=found.pk)):
            raise NotInThisState(f"A request that is {found.state} cannot be cancelled.")
        return Response(self.get_serializer(self._existing(pk)).data)

    def _existing(self, pk: str) -> AIRequest:
        return get_object_or_404(self.get_queryset(), pk=pk)


class AIResultSerializer(StrictModelSerializer):
    """What a worker sent, and whether it is believed."""

    sop_instance_uid = serializers.CharField(source="instance.sop_instance_uid", read_only=True)
    sop_class_uid = serializers.CharField(source="instance.sop_class_uid", read_only=True)
    study_instance_uid = serializers.CharField(source="instance.series.study.study_instance_uid", read_only=True)
    calling_ae_title = serializers.CharField(source="instance.calling_ae_title", read_only=True)
    received_at = serializers.DateTimeField(source="instance.received_at", read_only=True)
    worker_name = serializers.CharField(source="worker.name", default="", read_only=True)

    class Meta:
        model = AIResult
        fields = [
            "id",
            "sop_instance_uid",
            "sop_class_uid",
            "study_instance_uid",
            "calling_ae_title",
            "received_at",
            "worker",
            "worker_name",
            "request",
            "verdict",
            "reason",
            "judged_at",
            "released_by",
        ]


class AIResultFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Which results."""

    verdict = django_filters.MultipleChoiceFilter(choices=AIVerdict.choices, label="May be given several times.")
    worker = django_filters.ModelChoiceFilter(queryset=AIWorker.objects.all())
    request = django_filters.ModelChoiceFilter(queryset=AIRequest.objects.all())
    study_instance_uid = django_filters.CharFilter("instance__series__study__study_instance_uid")
    sop_instance_uid = django_filters.CharFilter("instance__sop_instance_uid")

    class Meta:
        model = AIResult
        fields: list[str] = []


class AIResults(ReadOnlyModelViewSet[AIResult]):
    """What workers sent, newest first."""

    queryset = list_results()
    serializer_class = AIResultSerializer
    filterset_class = AIResultFilter
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["judged_at", "verdict"]
    action_permissions = dict.fromkeys(("release", "keep"), "routing.change_delivery")

    @extend_schema(request=None, responses=AIResultSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Send a result that the gate held back to the pool's result destinations; who did it is recorded."""
        try:
            release.release(self._existing(pk), by=_name(request.user))
        except (release.NotHeldBack, release.GoesNowhere) as error:
            raise NotInThisState(str(error)) from error
        return Response(self.get_serializer(self._existing(pk)).data)

    @extend_schema(request=None, responses=AIResultSerializer)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: str) -> Response:
        """Keep a quarantined result back for good; it stays stored, and asks for attention no more."""
        try:
            release.keep(self._existing(pk), by=_name(request.user))
        except release.NotHeldBack as error:
            raise NotInThisState(str(error)) from error
        return Response(self.get_serializer(self._existing(pk)).data)

    def _existing(self, pk: str) -> AIResult:
        return get_object_or_404(self.get_queryset(), pk=pk)


def _name(user: Any) -> str:
    return str(user.get_username() if hasattr(user, "get_username") else user)
