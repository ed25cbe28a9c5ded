"""API: the configuration as a document, applying one, and the way back; for administrators."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from dicomnet.audit import Action, Entry, record
from dicomnet.strict import StrictModelSerializer, StrictSerializer
from gateway.audit.actor import actor_of
from gateway.configuration.carry_out import apply
from gateway.configuration.changes import Outcome, What
from gateway.configuration.export import export
from gateway.configuration.models import ConfigSnapshot
from gateway.configuration.order import Order
from gateway.configuration.parse import LARGEST_BYTES, parse
from gateway.configuration.problems import BadDocument
from gateway.configuration.secret_references import FORMS, KEPT
from gateway.configuration.snapshots import bring_back
from routing.api.rules import author_of
from studies.api.views import JsonWhateverIsAsked

READ, WRITE = "configuration.view_configsnapshot", "configuration.add_configsnapshot"
MEDIA_TYPE = "application/yaml"


class ConfigRollBackSerializer(StrictSerializer):
    """How a snapshot is brought back."""

    dry_run = serializers.BooleanField(default=False, help_text="Answer what would change, and change nothing.")
    reason = serializers.CharField(
        default="", allow_blank=True, max_length=200, help_text="Why; kept on versions of rules and in the audit trail."
    )


class ConfigImportSerializer(ConfigRollBackSerializer):
    """A document, and how it is applied."""

    document = serializers.CharField(
        max_length=LARGEST_BYTES, trim_whitespace=False, help_text="YAML, as config/export answers it."
    )
    prune = serializers.BooleanField(default=False, help_text="Remove what is not in the sections of the document.")


class FieldChangeSerializer(serializers.Serializer[Any]):
    """A field that changes; of a secret only that it does."""

    name = serializers.CharField()
    old = serializers.CharField(help_text="In words; empty for a new row and for a secret.")
    new = serializers.CharField()


class ConfigChangeSerializer(serializers.Serializer[Any]):
    """A row that changes."""

    kind = serializers.CharField(help_text="The section of the document.")
    title = serializers.CharField()
    what = serializers.ChoiceField(choices=[(what.value, what.value) for what in What])
    fields = FieldChangeSerializer(many=True)  # type: ignore[assignment]  # hides what the REST framework has no use for
    note = serializers.CharField()


class OutcomeSerializer(serializers.Serializer[Outcome]):
    """What changed, or would."""

    is_applied = serializers.BooleanField()
    summary = serializers.CharField()
    changes = ConfigChangeSerializer(many=True)
    unchanged = serializers.IntegerField(help_text="Entries that are as they were.")
    warnings = serializers.ListField(child=serializers.CharField())
    snapshot = serializers.IntegerField(allow_null=True, help_text="Number of the snapshot of what was before.")


class SnapshotSerializer(StrictModelSerializer):
    """What the configuration was before something changed it."""

    class Meta:
        model = ConfigSnapshot
        fields = ["id", "created_at", "author_name", "what", "reason", "summary"]


class WholeSnapshotSerializer(StrictModelSerializer):
    """The same with its document."""

    class Meta:
        model = ConfigSnapshot
        fields = [*SnapshotSerializer.Meta.fields, "document"]


class ConfigExport(APIView):
    """The configuration as a document."""

    required_permission = READ
    content_negotiation_class = JsonWhateverIsAsked

    @extend_schema(
        parameters=[
            OpenApiParameter("secrets", str, enum=FORMS, description="How secrets are written; never themselves.")
        ],
        responses={(200, MEDIA_TYPE): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> HttpResponse:
        """YAML; the same configuration makes the same bytes."""
        if unknown := set(request.query_params) - {"secrets"}:
            raise ValidationError({name: ["There is no such parameter."] for name in sorted(unknown)})
        form = request.query_params.get("secrets", KEPT)
        if form not in FORMS:
            raise ValidationError({"secrets": [f"Give one of {', '.join(FORMS)}."]})
        return as_file(export(secrets=form))


class ConfigImport(APIView):
    """Applies a document."""

    required_permission = WRITE

    @extend_schema(request=ConfigImportSerializer, responses=OutcomeSerializer)
    def post(self, request: Request) -> Response:
        """All of it in one transaction, or nothing: what is wrong is said with its line."""
        given = ConfigImportSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            document = parse(given.validated_data["document"])
            outcome = apply(document, _order(request, "import by API", given.validated_data))
        except BadDocument as error:
            raise ValidationError({"document": [str(problem) for problem in error.problems]}) from error
        return Response(OutcomeSerializer(outcome).data)


class ConfigSnapshots(ReadOnlyModelViewSet[ConfigSnapshot]):
    """The configuration as it was before each import, the latest first."""

    queryset = ConfigSnapshot.objects.defer("sealed")
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["created_at"]
    action_permissions = {"rollback": WRITE}

    def get_serializer_class(self) -> Any:
        """One has its document, a list has not."""
        return SnapshotSerializer if self.action == "list" else WholeSnapshotSerializer

    @extend_schema(request=ConfigRollBackSerializer, responses=OutcomeSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        """Make the configuration what it was then; what cannot be removed because of its records is turned off."""
        snapshot = self.get_object()
        given = ConfigRollBackSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            outcome = bring_back(snapshot, _order(request, "", given.validated_data))
        except BadDocument as error:
            raise ValidationError({"document": [str(problem) for problem in error.problems]}) from error
        return Response(OutcomeSerializer(outcome).data)


def as_file(text: str) -> HttpResponse:
    """The document to be kept as a file; that it was taken is on record."""
    record(Entry(Action.EXPORTED, subject="configuration"))
    response = HttpResponse(text, content_type=f"{MEDIA_TYPE}; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="gantry.yaml"'
    return response


def _order(request: Request, what: str, values: dict[str, Any]) -> Order:
    return Order(
        what=what,
        author=author_of(request),
        author_name=actor_of(request).name,
        reason=values["reason"],
        prune=values.get("prune", False),
        is_dry_run=values["dry_run"],
    )
