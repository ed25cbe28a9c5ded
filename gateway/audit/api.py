"""API: search in the audit trail, and the verdict on it; for administrators."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dicomnet.audit import Action, ActorKind, Entry, record
from gateway.audit.export import COLUMNS, as_values, export
from gateway.audit.journal import take_in
from gateway.audit.models import AuditRecord, Verification
from gateway.audit.search import LONGEST_PAGE, PAGE, AuditFilter
from gateway.audit.verdict import verify_all
from studies.api.views import JsonWhateverIsAsked

READ = "audit.view_auditrecord"
_FILTERS = [
    OpenApiParameter("q", str, description="Text that stands anywhere in a record."),
    OpenApiParameter("actor", str, description="Who did it: a user, an API key or an AE title, whole."),
    OpenApiParameter("action", str, enum=list(Action.values), description="What was done."),
    OpenApiParameter("patient_id", str, description="Patient ID, whole."),
    OpenApiParameter("study_instance_uid", str, description="Study Instance UID, whole."),
    OpenApiParameter("disclosures", bool, description="Only who saw, sent, searched or deleted."),
    OpenApiParameter("from", str, description="Not before this day or moment, ISO 8601."),
    OpenApiParameter("to", str, description="Until this day or before this moment, ISO 8601."),
]
_PAGES = [
    OpenApiParameter("before", int, description="What comes before this id: the next of the last answer."),
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE},
        description="At most so many.",
    ),
]


class AuditRecordSerializer(serializers.ModelSerializer[AuditRecord]):
    """One act of somebody."""

    action = serializers.ChoiceField(choices=Action.choices)
    actor_kind = serializers.ChoiceField(choices=ActorKind.choices)
    detail = serializers.JSONField()

    class Meta:
        model = AuditRecord
        fields = COLUMNS


class AuditPageSerializer(serializers.Serializer[Any]):
    """Records, the latest first."""

    results = AuditRecordSerializer(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="The next request's before; null: there is no more.")
    archived_until = serializers.DateTimeField(
        allow_null=True,
        help_text="The period reaches into records that are archived in files, up to this one, and were not searched.",
    )


class VerdictSerializer(serializers.ModelSerializer[Verification]):
    """What was found when every record was verified."""

    is_intact = serializers.SerializerMethodField()

    class Meta:
        model = Verification
        fields = ["is_intact", "records", "faults", "findings", "began_at", "ended_at", "asked_by"]

    def get_is_intact(self, found: Verification) -> bool:
        """Whether nothing is wrong."""
        return not found.faults


class Audit(APIView):
    """Who did what, the latest first."""

    required_permission = READ

    @extend_schema(parameters=[*_FILTERS, *_PAGES], responses=AuditPageSerializer)
    def get(self, request: Request) -> Response:
        """A page of records."""
        asked = read_filter(request, {"before", "limit"})
        take_in()
        rows, following = asked.page()
        record(Entry(Action.AUDIT_USED, subject="search by API", patient_id=asked.values["patient_id"]))
        found = {"results": [as_values(row) for row in rows], "next": following}
        return Response(found | {"archived_until": asked.archived_until()})


class AuditExport(APIView):
    """All records that the filters want, as a file."""

    required_permission = READ
    content_negotiation_class = JsonWhateverIsAsked
    form = "json"

    @extend_schema(
        parameters=_FILTERS,
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/json"): AuditRecordSerializer(many=True)},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """A file that streams; that it was taken is on record."""
        asked = read_filter(request, set())
        take_in()
        return export(asked, self.form)


class AuditVerify(APIView):
    """The verdict on the chain."""

    required_permission = READ

    @extend_schema(responses=VerdictSerializer)
    def get(self, request: Request) -> Response:
        """Every record is verified now, which takes some two minutes for a million."""
        if request.query_params:
            raise ValidationError({name: ["There is no such parameter."] for name in request.query_params})
        by = request.user.get_username()
        found = verify_all(by=by)
        record(Entry(Action.AUDIT_VERIFIED, subject=f"{found.records} records", detail={"faults": found.faults}))
        return Response(VerdictSerializer(found).data)


def read_filter(request: Request, others: set[str]) -> AuditFilter:
    """The filters of a request.

    Raises:
        ValidationError: one is unknown, or has a value that makes no sense.
    """
    asked = AuditFilter(request.query_params)
    known = set(asked.fields) - {"before", "limit"} | others
    if unknown := sorted(set(request.query_params) - known):
        raise ValidationError({name: ["There is no such parameter."] for name in unknown})
    if not asked.is_valid():
        raise ValidationError({name: [str(error) for error in errors] for name, errors in asked.errors.items()})
    return asked
