"""API: have a study brought here from the archives of a federation, and see how far it is (``spanner/fetches``)."""

from typing import Any

import django_filters
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
from spanner.errors import FetchRefused
from spanner.fetch.ask import cancel, fetch_study
from spanner.models import Fetch, FetchState, SpanningConfig
from studies.admission import is_uid


class Refused(APIException):
    """The state of the federation or of the fetch does not allow it."""

    status_code = status.HTTP_409_CONFLICT


def _check_uid(value: str) -> None:
    if not is_uid(value):
        raise serializers.ValidationError("This is no UID: digits and dots, at most 64 characters.")


class FetchRequestSerializer(StrictSerializer):
    """Which study, and who may be asked for it."""

    study_instance_uid = serializers.CharField(max_length=64, validators=[_check_uid])
    series_instance_uids = serializers.ListField(
        child=serializers.CharField(max_length=64, validators=[_check_uid]),
        required=False,
        max_length=1000,
        help_text="Only these of its series; left out: the whole study.",
    )
    spanner_config_id = serializers.PrimaryKeyRelatedField(
        queryset=SpanningConfig.objects.filter(is_enabled=True), help_text="The federation whose sources are asked."
    )


class FetchSerializer(serializers.ModelSerializer[Fetch]):
    """A study on its way here."""

    spanner_config_id = serializers.IntegerField(source="config_id", read_only=True)
    source_name = serializers.CharField(source="source.name", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Fetch
        fields = [
            "id",
            "study_instance_uid",
            "series_instance_uids",
            "spanner_config_id",
            "state",
            "source_name",
            "requested_by",
            "priority",
            "instances_expected",
            "instances_arrived",
            "bytes_arrived",
            "attempts",
            "last_error",
            "created_at",
            "started_at",
            "finished_at",
            "next_attempt_at",
            "removed_at",
        ]


class FetchStudy(APIView):
    """Have a study brought here."""

    required_permission = "spanner.add_fetch"

    @extend_schema(request=FetchRequestSerializer, responses={202: FetchSerializer})
    def post(self, request: Request) -> Response:
        """Bring a study here; the answer is the job, which goes on by itself, or the one that is under way."""
        given = FetchRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked: dict[str, Any] = given.validated_data
        try:
            fetch = fetch_study(
                asked["spanner_config_id"],
                asked["study_instance_uid"],
                by=request.user.get_username(),
                series_uids=asked.get("series_instance_uids", ()),
            )
        except FetchRefused as error:
            raise Refused(str(error)) from error
        job = reverse("api-fetch-detail", args=[fetch.pk], request=request)
        return Response(FetchSerializer(fetch).data, status=status.HTTP_202_ACCEPTED, headers={"Location": job})


class FetchFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Fetches by study, state and federation."""

    study = django_filters.CharFilter(field_name="study_instance_uid", label="Its Study Instance UID.")
    state = django_filters.MultipleChoiceFilter(choices=FetchState.choices, label="One of these states.")
    spanner_config_id = django_filters.NumberFilter(field_name="config", label="The federation that is asked.")


class Fetches(ReadOnlyModelViewSet[Fetch]):
    """Studies that were or are brought here."""

    queryset = Fetch.objects.select_related("source")
    serializer_class = FetchSerializer
    filterset_class = FetchFilter
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["created_at", "finished_at"]
    action_permissions = {"cancel": "spanner.change_fetch"}

    @extend_schema(request=None, responses=FetchSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End a fetch; what has arrived stays, and is not fetched again."""
        fetch = self.get_object()
        if not cancel(fetch):
            raise Refused("It is too late for that: the fetch has ended.")
        fetch.refresh_from_db()
        return Response(FetchSerializer(fetch).data)
