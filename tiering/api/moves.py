"""API: where a study is, have it moved, and how moves go."""

from typing import Any

import django_filters
from django.conf import settings
from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from dicomnet.strict import StrictSerializer
from studies.models import Study, Tier
from tiering.ask import ask_for_move, cancel
from tiering.errors import MoveRefused
from tiering.events import moves_due
from tiering.forecast import Forecast
from tiering.models import Move, MoveState
from tiering.next_step import next_step
from tiering.where import where_is


class Refused(APIException):
    """The state of the study or of the tier does not allow it."""

    status_code = status.HTTP_409_CONFLICT


class LocationSerializer(serializers.Serializer[Any]):
    """Where a study is stored."""

    study_instance_uid = serializers.CharField()
    tier = serializers.CharField()
    location_type = serializers.CharField(help_text="“edge” or “cloud”.")
    edge_id = serializers.CharField(help_text="Which site or machine; of the hot tier the gateway's AE title.")
    last_updated = serializers.DateTimeField(help_text="When it came there.")


class StudyLocation(APIView):
    """Where a study is."""

    required_permission = "studies.view_study"

    @extend_schema(responses=LocationSerializer)
    def get(self, request: Request, study_instance_uid: str) -> Response:
        """Where a study is stored, and how quickly it can be read."""
        study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
        found = where_is(study, hot_edge_id=settings.GANTRY.ae_title)
        return Response(LocationSerializer(found).data)


class MoveRequestSerializer(StrictSerializer):
    """To which tier."""

    tier = serializers.ChoiceField(choices=Tier.choices)


class MoveSerializer(serializers.ModelSerializer[Move]):
    """A study on its way to another tier."""

    study_instance_uid = serializers.CharField(source="study.study_instance_uid")
    policy = serializers.CharField(source="policy.name", default=None, allow_null=True)
    expected_seconds = serializers.SerializerMethodField(help_text="How long a recall takes from now, by past ones.")

    class Meta:
        model = Move
        fields = [
            "id",
            "study_instance_uid",
            "to_tier",
            "state",
            "policy",
            "requested_by",
            "reason",
            "created_at",
            "started_at",
            "switched_at",
            "finished_at",
            "next_attempt_at",
            "attempts",
            "restore_asked_at",
            "total_bytes",
            "done_bytes",
            "last_error",
            "expected_seconds",
        ]

    def get_expected_seconds(self, move: Move) -> float | None:
        """None where nothing is known, or where nothing is left."""
        return _forecast(self).recall_seconds(move)


class ProgressSerializer(MoveSerializer):
    """One move with how far it is, and what is in front of it."""

    percent = serializers.SerializerMethodField(help_text="Of its bytes; null where it has not begun.")
    bytes_per_second = serializers.SerializerMethodField(help_text="Since it began; null where it does not copy.")
    ahead = serializers.SerializerMethodField(help_text="Open moves that go before it; null unless it waits.")
    next_step = serializers.SerializerMethodField(help_text="What to do about it; empty: nothing.")

    class Meta(MoveSerializer.Meta):
        fields = [*MoveSerializer.Meta.fields, "percent", "bytes_per_second", "ahead", "next_step"]

    def to_representation(self, move: Move) -> dict[str, Any]:
        """Looks at the move once."""
        self._progress = _forecast(self).of(move)
        return dict(super().to_representation(move))

    def get_percent(self, move: Move) -> int | None:
        """See Progress."""
        return self._progress.percent

    def get_bytes_per_second(self, move: Move) -> float | None:
        """See Progress."""
        return self._progress.bytes_per_second

    def get_ahead(self, move: Move) -> int | None:
        """See Progress."""
        return self._progress.ahead

    def get_next_step(self, move: Move) -> str:
        """In words."""
        return next_step(move)


def _forecast(serializer: MoveSerializer) -> Forecast:
    """One for all moves of an answer."""
    known: dict[str, Any] = serializer.context  # type: ignore[assignment]  # what DRF keeps is a dict
    found: Forecast = known.setdefault("forecast", Forecast())
    return found


class MoveStudy(APIView):
    """Have a study moved."""

    required_permission = "tiering.add_move"

    @extend_schema(request=MoveRequestSerializer, responses={202: ProgressSerializer})
    def post(self, request: Request, study_instance_uid: str) -> Response:
        """Move a study to a tier; the answer is the job, which goes on by itself."""
        study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
        given = MoveRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            move = ask_for_move(study, given.validated_data["tier"], by=request.user.get_username())
        except MoveRefused as error:
            raise Refused(str(error)) from error
        transaction.on_commit(lambda: moves_due.send(Move))
        job = reverse("api-move-detail", args=[move.pk], request=request)
        return Response(ProgressSerializer(move).data, status=status.HTTP_202_ACCEPTED, headers={"Location": job})


class MoveFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Moves by state, tier and study."""

    study = django_filters.CharFilter(field_name="study__study_instance_uid", label="Its Study Instance UID.")
    state = django_filters.MultipleChoiceFilter(choices=MoveState.choices, label="One of these states.")
    to_tier = django_filters.ChoiceFilter(choices=Tier.choices, label="Where they lead.")


class Moves(ReadOnlyModelViewSet[Move]):
    """Moves of studies between tiers."""

    queryset = Move.objects.select_related("study", "policy")
    serializer_class = MoveSerializer
    filterset_class = MoveFilter
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["created_at", "finished_at"]
    action_permissions = {"cancel": "tiering.change_move"}

    @extend_schema(responses=ProgressSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One move: how far it is, what is in front of it, and what to do about it."""
        return Response(ProgressSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=ProgressSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End a move that has not switched yet; what was copied stays, and is not copied again."""
        move = self.get_object()
        if not cancel(move):
            raise Refused("It is too late for that: the study is read from the new tier already.")
        move.refresh_from_db()
        return Response(ProgressSerializer(move).data)
