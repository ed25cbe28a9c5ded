"""API: what devices asked proof of storage for, and what came of it."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from dicomnet.strict import StrictModelSerializer
from studies.commitments.models import Commitment, CommitmentItem, CommitmentState
from studies.commitments.selectors import items_of


class CommitmentSerializer(StrictModelSerializer):
    """One request for storage commitment."""

    class Meta:
        model = Commitment
        fields = [
            "id",
            "transaction_uid",
            "calling_ae_title",
            "called_ae_title",
            "source_address",
            "state",
            "is_duplicate",
            "instance_count",
            "failed_count",
            "requested_at",
            "verified_at",
            "reported_at",
            "attempts",
            "next_attempt_at",
            "last_error",
        ]


class CommitmentItemSerializer(StrictModelSerializer):
    """One instance of a request."""

    failure = serializers.CharField(
        source="failure_in_words", read_only=True, help_text="Why it is not committed; empty when it is."
    )

    class Meta:
        model = CommitmentItem
        fields = ["sop_class_uid", "sop_instance_uid", "is_checked", "failure_reason", "failure"]


class CommitmentFilter(django_filters.FilterSet):  # type: ignore[misc]
    """By where it stands, who asked, and its UID."""

    state = django_filters.ChoiceFilter(label="Where it stands.", choices=CommitmentState.choices)
    calling_ae_title = django_filters.CharFilter(label="Who asked.")
    transaction_uid = django_filters.CharFilter(label="Its Transaction UID.")

    class Meta:
        model = Commitment
        fields: list[str] = []


class Commitments(ReadOnlyModelViewSet[Commitment]):
    """Requests for storage commitment, newest first."""

    queryset = Commitment.objects.all()
    serializer_class = CommitmentSerializer
    filterset_class = CommitmentFilter
    lookup_value_regex = r"\d{1,18}"
    ordering = ["-id"]
    ordering_fields = ["requested_at", "verified_at", "reported_at", "failed_count", "instance_count"]
    action_permissions = {"items": "studies.view_commitment"}

    @extend_schema(responses=CommitmentItemSerializer(many=True))
    @action(detail=True, filterset_class=None, ordering_fields=None, ordering=None)
    def items(self, request: Request, pk: str) -> Response:
        """The instances of a request, those that are not committed first."""
        found: Any = items_of(self.get_object())
        page = self.paginate_queryset(self.filter_queryset(found))
        return self.get_paginated_response(CommitmentItemSerializer(page, many=True).data)
