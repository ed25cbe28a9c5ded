"""API: which rules match one file or a stored study, a draft among them, and why; nothing is stored or sent."""

import tempfile
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dicomnet.strict import StrictSerializer
from routing.api.fields import ConditionsField
from routing.conditions import Verdict, parse_conditions
from routing.explain import Candidate, Judged, NothingToExplain, RuleVerdict, explain_file, explain_study
from routing.models import Rule, RuleScope


class DraftSerializer(StrictSerializer):
    """A rule that is not saved."""

    rule = serializers.PrimaryKeyRelatedField(
        queryset=Rule.objects.all(), required=False, help_text="The rule that it would change; left out: a new one."
    )
    name = serializers.CharField(max_length=64, default="Draft")
    order = serializers.IntegerField(default=100, min_value=-(2**31), max_value=2**31 - 1)
    scope = serializers.ChoiceField(choices=RuleScope.choices, default=RuleScope.INSTANCE)
    conditions = ConditionsField()


class DraftField(serializers.JSONField):
    """The same; in a multipart body it is JSON as text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(binary=False, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Check it as the serializer says."""
        is_text = isinstance(data, str)
        given = DraftSerializer(data=serializers.JSONField(binary=True).to_internal_value(data) if is_text else data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        old = values.pop("rule", None)
        rule = Rule(pk=old.pk if old is not None else None, **values)
        return Candidate(rule, parse_conditions(rule.conditions), (), is_draft=True)


class RuleTestSerializer(StrictSerializer):
    """What to judge: a file, or a stored study; and a draft to judge it by beside the rules."""

    file = serializers.FileField(required=False)
    study_instance_uid = serializers.CharField(required=False, max_length=64)
    draft = extend_schema_field(DraftSerializer)(DraftField)(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two."""
        if len(attrs.keys() & {"file", "study_instance_uid"}) != 1:
            raise serializers.ValidationError("Give either a file or a study_instance_uid.")
        return attrs


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "holds": {"type": "boolean"},
            "words": {"type": "string"},
            "members": {"type": "array", "items": {"type": "object"}},
        },
    }
)
class VerdictField(serializers.Field[Verdict, Any, dict[str, Any], Verdict]):
    """A tree of reasons."""

    def to_representation(self, value: Verdict) -> dict[str, Any]:
        """Each condition with its verdict, and groups with those of their members."""
        members = [self.to_representation(member) for member in value.members]
        return {"holds": value.holds, "words": value.words, "members": members}


class JudgedSerializer(serializers.Serializer[Judged]):
    """The verdict on one series; of a file, and of a study judged as a whole, the UID is empty."""

    series_instance_uid = serializers.CharField()
    modality = serializers.CharField()
    matched = serializers.BooleanField(source="verdict.holds")
    reasons = VerdictField(source="verdict")


class RuleVerdictSerializer(serializers.Serializer[RuleVerdict]):
    """One rule's verdict."""

    rule = serializers.IntegerField(source="rule.pk", allow_null=True)
    name = serializers.CharField(source="rule.name")
    version = serializers.IntegerField(source="rule.version")
    is_draft = serializers.BooleanField()
    matched = serializers.BooleanField(help_text="At least one of what was judged.")
    destinations = serializers.ListField(child=serializers.CharField(), help_text="Names.")
    reasons = VerdictField(source="verdict", help_text="Of the first that matched, or of the first.")
    judged = JudgedSerializer(many=True)
    discarded_by = serializers.CharField(help_text="The rule before it that has all this go nowhere; or empty.")


class RuleTestAnswerSerializer(serializers.Serializer[Any]):
    """Every enabled rule's verdict, in their order."""

    rules = RuleVerdictSerializer(many=True)


class RuleTest(APIView):
    """Try the rules."""

    required_permission = "routing.view_rule"
    parser_classes = [*APIView.parser_classes, MultiPartParser]

    @extend_schema(request=RuleTestSerializer, responses=RuleTestAnswerSerializer)
    def post(self, request: Request) -> Response:
        """Judge a DICOM file (multipart field ``file``) or each series of a stored study by all enabled rules."""
        given = RuleTestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(RuleTestAnswerSerializer({"rules": _judge(given.validated_data)}).data)


def _judge(given: dict[str, Any]) -> list[RuleVerdict]:
    field = "file" if "file" in given else "study_instance_uid"
    try:
        if field == "file":
            return _judge_upload(given["file"], given.get("draft"))
        return explain_study(given["study_instance_uid"], given.get("draft"))
    except NothingToExplain as error:
        raise serializers.ValidationError({field: [str(error)]}) from error


def _judge_upload(given: "UploadedFile[Any]", draft: Candidate | None) -> list[RuleVerdict]:
    with tempfile.NamedTemporaryFile(prefix="gantry-test-", suffix=".dcm") as kept:
        for chunk in given.chunks():
            kept.write(chunk)
        kept.flush()
        return explain_file(Path(kept.name), draft)
