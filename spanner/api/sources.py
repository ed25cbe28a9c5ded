"""API: the archives that are asked, whether they answer, and how they did."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from dicomnet.strict import StrictModelSerializer
from spanner import health
from spanner.change import change_source
from spanner.echo import echo_source
from spanner.history import hours_of, minutes_of, state_of
from spanner.kinds import settle, warnings_of
from spanner.models import Source, SourceKind

HEALTH = ["failures_in_a_row", "open_until", "last_success_at", "last_failure_at", "last_error"]


class SourceSerializer(StrictModelSerializer):
    """An archive that is asked, and how it did lately. Which fields it takes depends on its kind."""

    secret = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Password or bearer token. It is stored encrypted for the origin of the URL and never shown; empty "
        "keeps it.",
    )
    has_secret = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = Source
        fields = [
            "id",
            "name",
            "kind",
            "is_enabled",
            "comment",
            "ae_title",
            "host",
            "port",
            "tls",
            "tls_server_name",
            "calling_ae_title",
            "retrieve",
            "url",
            "authentication",
            "username",
            "secret",
            "has_secret",
            "timeout_seconds",
            "max_concurrent",
            "result_limit",
            "cuts_at",
            "issuer_of_patient_id",
            "patient_id_prefix",
            "warnings",
            "created_at",
            "updated_at",
            *HEALTH,
        ]
        read_only_fields = ["created_at", "updated_at", *HEALTH]

    def get_has_secret(self, source: Source) -> bool:
        """Whether one is stored."""
        return bool(source.secret)

    def get_warnings(self, source: Source) -> list[str]:
        """What is allowed and still worth a thought."""
        return warnings_of(source)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What its kind needs and takes; the secret is sealed."""
        entered = attrs.pop("secret", "")
        before = self.instance or Source()
        values = {field.name: getattr(before, field.name) for field in Source._meta.fields} | attrs
        if self.instance is None and values["kind"] == SourceKind.DIMSE:
            values["port"] = attrs.get("port")  # which has a default, but none that is right for every archive
        settled = settle(values, stored=before.secret, entered=entered)
        if settled.problems:
            raise ValidationError(settled.problems)
        return attrs | {"secret": settled.secret}

    def update(self, instance: Source, validated_data: dict[str, Any]) -> Source:
        """Save what was given, and nothing of how it did lately."""
        return change_source(instance, validated_data)


class SourceEchoSerializer(serializers.Serializer[Any]):
    """What became of an echo."""

    is_alive = serializers.BooleanField()
    milliseconds = serializers.FloatField()
    words = serializers.CharField(help_text="The status, or why there is none.")


class PeriodSerializer(serializers.Serializer[Any]):
    """All questions to a source within a minute or an hour."""

    begins_at = serializers.DateTimeField()
    asked = serializers.IntegerField()
    cached = serializers.IntegerField(help_text="Answered without asking it.")
    failed = serializers.IntegerField()
    timed_out = serializers.IntegerField()
    not_asked = serializers.IntegerField(help_text="It was left alone after failures.")
    matches = serializers.IntegerField()
    mean_milliseconds = serializers.FloatField(allow_null=True)
    slowest_milliseconds = serializers.IntegerField()


class BreakerSerializer(serializers.Serializer[Any]):
    """Whether a source is left alone."""

    is_open = serializers.BooleanField(help_text="It is asked nothing, until it is tried again.")
    failures_in_a_row = serializers.IntegerField()
    tried_again_at = serializers.DateTimeField(allow_null=True)


class SourceHealthSerializer(serializers.Serializer[Any]):
    """How a source does now, and how it did."""

    state = serializers.ChoiceField(choices=["ok", "failing", "open", "off", "unknown"])
    breaker = BreakerSerializer()
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_failure_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    history = PeriodSerializer(many=True, help_text="The latest first; periods without a question are left out.")


class Sources(ModelViewSet[Source]):
    """The archives that are asked."""

    queryset = Source.objects.all()
    serializer_class = SourceSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["name", "created_at", "last_success_at", "last_failure_at"]
    action_permissions = {"echo": "spanner.add_query"}

    @extend_schema(request=None, responses=SourceEchoSerializer)
    @action(detail=True, methods=["post"])
    def echo(self, request: Request, pk: str) -> Response:
        """Ask for a sign of life: C-ECHO, a search for one study, or one look into the database."""
        return Response(SourceEchoSerializer(asdict(echo_source(self.get_object()))).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("per", OpenApiTypes.STR, enum=["minute", "hour"], description="An hour, or a week.")
        ],
        responses=SourceHealthSerializer,
    )
    @action(detail=True, methods=["get"], filter_backends=[], pagination_class=None)
    def health(self, request: Request, pk: str) -> Response:
        """How it does now, and how it did: the last hour by minutes, or the last week by hours."""
        source, periods = self.get_object(), _PERIODS.get(request.query_params.get("per", "minute"))
        if periods is None:
            raise ValidationError({"per": ["Give minute or hour."]})
        health.write_due()
        state = state_of(source)
        return Response(
            SourceHealthSerializer(
                {
                    "state": state,
                    "breaker": {
                        "is_open": state == "open",
                        "failures_in_a_row": source.failures_in_a_row,
                        "tried_again_at": source.open_until,
                    },
                    "last_success_at": source.last_success_at,
                    "last_failure_at": source.last_failure_at,
                    "last_error": source.last_error,
                    "history": [asdict(one) for one in periods(source)],
                }
            ).data
        )


_PERIODS = {"minute": minutes_of, "hour": hours_of}
