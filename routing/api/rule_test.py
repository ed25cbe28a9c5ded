"""API: which rules match one instance, and why; nothing is stored or sent."""

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

from dicomnet.part10 import NotPart10
from dicomnet.strict import StrictSerializer
from routing.conditions import Verdict
from routing.rules import RuleVerdict, explain_file
from studies.errors import MalformedDataSet
from studies.models import Instance
from studies.storage import hot_storage


class RuleTestSerializer(StrictSerializer):
    """What to judge: a file, or the first instance of a stored study."""

    file = serializers.FileField(required=False)
    study_instance_uid = serializers.CharField(required=False, max_length=64)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two."""
        if len(attrs) != 1:
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


class RuleVerdictSerializer(serializers.Serializer[RuleVerdict]):
    """One rule's verdict."""

    rule = serializers.IntegerField(source="rule.pk")
    name = serializers.CharField(source="rule.name")
    version = serializers.IntegerField(source="rule.version")
    matched = serializers.BooleanField()
    destinations = serializers.ListField(child=serializers.CharField(), help_text="Names.")
    reasons = VerdictField(source="verdict")


class RuleTestAnswerSerializer(serializers.Serializer[Any]):
    """Every enabled rule's verdict, in their order."""

    rules = RuleVerdictSerializer(many=True)


class RuleTest(APIView):
    """Try the rules."""

    required_permission = "routing.view_rule"
    parser_classes = [*APIView.parser_classes, MultiPartParser]

    @extend_schema(request=RuleTestSerializer, responses=RuleTestAnswerSerializer)
    def post(self, request: Request) -> Response:
        """Judge a DICOM file (multipart field ``file``) or a stored study by all enabled rules."""
        given = RuleTestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if "file" in given.validated_data:
            verdicts = _judge_upload(given.validated_data["file"])
        else:
            verdicts = _judge_study(given.validated_data["study_instance_uid"])
        return Response(RuleTestAnswerSerializer({"rules": verdicts}).data)


def _judge_upload(given: "UploadedFile[Any]") -> list[RuleVerdict]:
    with tempfile.NamedTemporaryFile(prefix="gantry-test-", suffix=".dcm") as kept:
        for chunk in given.chunks():
            kept.write(chunk)
        kept.flush()
        return _judge(Path(kept.name), "file")


def _judge_study(study_instance_uid: str) -> list[RuleVerdict]:
    found = Instance.objects.filter(series__study__study_instance_uid=study_instance_uid).order_by("pk").first()
    if found is None:
        raise serializers.ValidationError({"study_instance_uid": ["No stored study has this UID."]})
    return _judge(Path(hot_storage().path(found.location)), "study_instance_uid")


def _judge(path: Path, field: str) -> list[RuleVerdict]:
    try:
        return explain_file(path)
    except (NotPart10, MalformedDataSet) as error:
        raise serializers.ValidationError({field: [f"This is no DICOM file that can be read: {error}."]}) from error
    except OSError as error:
        raise serializers.ValidationError({field: ["The file cannot be read now."]}) from error
