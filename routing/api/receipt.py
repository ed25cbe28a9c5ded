"""API: a study's receipt."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from routing.models import DeliveryState
from routing.proof.models import ProofState
from routing.receipt import as_json, receipt_of
from studies.models import Study


class QuestionSerializer(serializers.Serializer[Any]):
    """A question to a destination whether it keeps the study."""

    kind = serializers.CharField(help_text="commitment or query")
    state = serializers.ChoiceField(choices=ProofState.choices)
    asked_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    expected = serializers.IntegerField()
    proven = serializers.IntegerField()
    missing = serializers.IntegerField()
    transaction_uid = serializers.CharField()
    error = serializers.CharField()


class LineSerializer(serializers.Serializer[Any]):
    """One instance at one destination."""

    series_instance_uid = serializers.CharField()
    sop_instance_uid = serializers.CharField()
    sop_class_uid = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of the data set as it was received.")
    size_bytes = serializers.IntegerField()
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    delivered_at = serializers.DateTimeField(allow_null=True)
    status = serializers.CharField(help_text="The destination's last answer.")
    attempts = serializers.IntegerField()
    proven_by = serializers.CharField(help_text="commitment or query; empty while it is not proven.")
    proven_at = serializers.DateTimeField(allow_null=True)
    transaction_uid = serializers.CharField()
    rule = serializers.CharField(help_text="Which rule had it sent, in which version; else who had.")
    error = serializers.CharField()


class PartSerializer(serializers.Serializer[Any]):
    """What one destination got."""

    name = serializers.CharField()
    proof = serializers.CharField(help_text="How its word is checked.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Instances by state.")
    is_proven = serializers.BooleanField(help_text="It has proven to keep all of them.")
    questions = QuestionSerializer(many=True)
    instances = LineSerializer(many=True)


class ReceiptSerializer(serializers.Serializer[Any]):
    """Who got what, when, and how that is proven."""

    study_instance_uid = serializers.CharField()
    made_at = serializers.DateTimeField()
    gateway_ae_title = serializers.CharField()
    destinations = PartSerializer(many=True)


class StudyReceipt(APIView):
    """Where a study went."""

    required_permission = "routing.view_delivery"

    @extend_schema(responses=ReceiptSerializer)
    def get(self, request: Request, study_instance_uid: str) -> Response:
        """Which destination got which instances of a study, when, and how that is proven."""
        study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
        return Response(ReceiptSerializer(as_json(receipt_of(study))).data)
