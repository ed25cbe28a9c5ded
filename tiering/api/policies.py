"""API: policies, and what each would move."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from dicomnet.strict import StrictModelSerializer
from studies.api.serializers import StudySerializer
from tiering.conditions import BadConditions
from tiering.models import Policy
from tiering.models.policies import validate_conditions
from tiering.policies import conditions_of, simulate
from tiering.simulation import Simulation


class CannotBeApplied(APIException):
    """The policy's row says nothing that could be gone by."""

    status_code = 409


class DiskAway(APIException):
    """The policy asks the hot disk, which does not answer."""

    status_code = 503


@extend_schema_field({"type": "object", "additionalProperties": {}})
class PolicyConditionsField(serializers.JSONField):
    """Conditions of a policy, such as ``{"older_than_days": 365, "modalities": ["CT"]}``; all must hold."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[validate_conditions], **kwargs)


class PolicySerializer(StrictModelSerializer):
    """Which studies go to another tier by themselves."""

    conditions = PolicyConditionsField(required=False)

    class Meta:
        model = Policy
        fields = [
            "id",
            "name",
            "is_enabled",
            "from_tier",
            "to_tier",
            "conditions",
            "runs_from",
            "runs_until",
            "at_once",
            "created_at",
        ]
        read_only_fields = ["created_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What its fields have to be together."""
        before = self.instance if isinstance(self.instance, Policy) else Policy()
        after = Policy(**{name: attrs.get(name, getattr(before, name)) for name in _TOGETHER})
        problems = {}
        if after.from_tier == after.to_tier:
            problems["to_tier"] = "A policy moves to another tier than it moves from."
        if (after.runs_from is None) != (after.runs_until is None):
            missing = "runs_from" if after.runs_from is None else "runs_until"
            problems[missing] = "A time window needs a beginning and an end; leave both empty to move at any time."
        try:
            conditions_of(after)
        except BadConditions as error:
            problems["conditions"] = str(error)
        if problems:
            raise serializers.ValidationError(problems)
        return attrs


_TOGETHER = ("from_tier", "to_tier", "conditions", "runs_from", "runs_until")


class SimulationSerializer(serializers.Serializer[Simulation]):
    """What a policy would move now, were it on and its window open."""

    words = serializers.CharField()
    number_of_studies = serializers.IntegerField()
    number_of_instances = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    saved_per_month = serializers.DecimalField(
        max_digits=20, decimal_places=2, help_text="In the currency of the locations; negative: it costs more."
    )
    studies = StudySerializer(many=True, help_text="The first hundred, the longest unused first.")


class TierPolicies(ModelViewSet[Policy]):
    """Policies in the order of their names, in which they are applied."""

    queryset = Policy.objects.all()
    serializer_class = PolicySerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["name", "created_at"]
    action_permissions = {"simulation": "tiering.view_policy"}

    def perform_update(self, serializer: BaseSerializer[Policy]) -> None:
        """What was begun under other conditions is over."""
        serializer.save(is_clearing=False)

    @extend_schema(responses=SimulationSerializer)
    @action(detail=True, ordering_fields=None, pagination_class=None)
    def simulation(self, request: Request, pk: str) -> Response:
        """What it would move now: nothing is moved."""
        policy = self.get_object()
        try:
            found = simulate(policy)
        except BadConditions as error:
            raise CannotBeApplied(str(error)) from error
        except OSError as error:
            raise DiskAway(f"The hot store's disk does not answer: {error.strerror}.") from error
        return Response(SimulationSerializer(found).data)
