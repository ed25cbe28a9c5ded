"""API: the trace of a study; here, because a trace spans the apps."""

from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gateway.trace import STAGES, trace
from studies.models import Study


class TraceEventSerializer(serializers.Serializer[Any]):
    """What happened to a study."""

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=STAGES)
    words = serializers.CharField()
    detail = serializers.CharField()
    state = serializers.CharField(help_text="ok, busy, warning, failed, or empty.")


class TraceSerializer(serializers.Serializer[Any]):
    """The whole time line."""

    study_instance_uid = serializers.CharField()
    events = TraceEventSerializer(many=True)


class Trace(APIView):
    """What happened to a study."""

    required_permission = "studies.view_study"

    @extend_schema(responses=TraceSerializer)
    def get(self, request: Request, study_instance_uid: str) -> Response:
        """Received, indexed, matched rules, deliveries and conflicts, in order of time."""
        study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
        events = [asdict(event) for event in trace(study)]
        return Response(TraceSerializer({"study_instance_uid": study.study_instance_uid, "events": events}).data)
