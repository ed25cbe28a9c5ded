"""API: the change feed."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from studies.changes.models import Change

LIMIT, MAXIMUM_LIMIT = 100, 1000
MAXIMUM_SEQUENCE = 2**63 - 1
_SINCE = {"type": "integer", "minimum": 0, "maximum": MAXIMUM_SEQUENCE, "default": 0}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MAXIMUM_LIMIT, "default": LIMIT}


class ChangeSerializer(serializers.ModelSerializer[Change]):
    """One event."""

    sequence = serializers.IntegerField(source="pk", read_only=True)

    class Meta:
        model = Change
        fields = ["sequence", "kind", "study_instance_uid", "number_of_instances", "at"]


class Changes(APIView):
    """What happened to studies, oldest first: to be read on from where the last answer ended."""

    required_permission = "studies.view_study"

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "since", _SINCE, description="What comes after this sequence number; 0: from the beginning."
            ),
            OpenApiParameter("limit", _LIMIT, description="At most so many."),
        ],
        responses=inline_serializer(
            "Changes",
            {
                "changes": ChangeSerializer(many=True),
                "last": serializers.IntegerField(help_text="The next request's since."),
                "done": serializers.BooleanField(help_text="There was no more at this moment."),
            },
        ),
    )
    def get(self, request: Request) -> Response:
        """Changes after ``since``; ``last`` is what to ask with next, ``done`` says that there was no more."""
        if unknown := set(request.query_params) - {"since", "limit"}:
            raise ValidationError({name: ["There is no such parameter."] for name in sorted(unknown)})
        since = _number(request, "since", 0, 0, MAXIMUM_SEQUENCE)
        limit = _number(request, "limit", LIMIT, 1, MAXIMUM_LIMIT)
        found: list[Any] = list(Change.objects.filter(pk__gt=since).order_by("pk")[: limit + 1])
        shown = found[:limit]
        last = shown[-1].pk if shown else since
        return Response({"changes": ChangeSerializer(shown, many=True).data, "last": last, "done": len(found) <= limit})


def _number(request: Request, name: str, default: int, low: int, high: int) -> int:
    asked = request.query_params.get(name, str(default))
    if not asked.isascii() or not asked.isdecimal() or not low <= int(asked[:20]) <= high:
        raise ValidationError({name: [f"Give a whole number from {low} to {high}."]})
    return int(asked)
