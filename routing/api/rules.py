"""API: rules and their versions."""

import json
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from dicomnet.strict import StrictModelSerializer
from routing.api.fields import EmptyList, PriorityField
from routing.models import Destination, Priority, Rule, RuleVersion, validate_conditions
from routing.rules import save_rule


@extend_schema_field({"type": "array", "items": {"type": "object"}})
class ConditionsField(serializers.JSONField):
    """A rule's conditions; all must hold."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse NUL, which PostgreSQL does not keep."""
        if "\\u0000" in json.dumps(data):
            raise serializers.ValidationError("A value holds a character that cannot be stored.")
        return super().to_internal_value(data)


class RuleSerializer(StrictModelSerializer):
    """What goes where."""

    conditions = ConditionsField(required=False, validators=[validate_conditions])
    destinations = serializers.PrimaryKeyRelatedField(
        queryset=Destination.objects.all(), many=True, required=False, allow_empty=True
    )
    priority = PriorityField(default=Priority.ROUTINE.value)
    ai_pools = EmptyList()
    actions = EmptyList()

    class Meta:
        model = Rule
        fields = [
            "id",
            "name",
            "is_enabled",
            "order",
            "scope",
            "conditions",
            "destinations",
            "ai_pools",
            "actions",
            "priority",
            "comment",
            "version",
            "updated_at",
        ]
        read_only_fields = ["version", "updated_at"]

    def create(self, validated_data: dict[str, Any]) -> Rule:
        """A new rule with its first version."""
        destinations = validated_data.pop("destinations", [])
        author = validated_data.pop("author")
        rule = Rule(**validated_data)
        save_rule(rule, destinations=destinations, author=author)
        return rule

    def update(self, instance: Rule, validated_data: dict[str, Any]) -> Rule:
        """A changed rule, with its next version when the change matters."""
        destinations = validated_data.pop("destinations", None)
        author = validated_data.pop("author")
        for name, value in validated_data.items():
            setattr(instance, name, value)
        kept = list(instance.destinations.all()) if destinations is None else destinations
        save_rule(instance, destinations=kept, author=author)
        return instance


class RuleVersionSerializer(StrictModelSerializer):
    """One form that a rule had."""

    author = serializers.CharField(source="author.username", default=None, read_only=True)
    definition = serializers.DictField(read_only=True)

    class Meta:
        model = RuleVersion
        fields = ["number", "definition", "author", "created_at"]


class Rules(ModelViewSet[Rule]):
    """Rules in the order in which they are tried; all that match count."""

    queryset = Rule.objects.prefetch_related("destinations")
    serializer_class = RuleSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["order", "name", "updated_at"]
    action_permissions = {"versions": "routing.view_ruleversion"}

    def perform_create(self, serializer: BaseSerializer[Rule]) -> None:
        """Name who wrote it."""
        serializer.save(author=self._author())

    def perform_update(self, serializer: BaseSerializer[Rule]) -> None:
        """Name who changed it."""
        serializer.save(author=self._author())

    @extend_schema(responses=RuleVersionSerializer(many=True))
    @action(detail=True, ordering_fields=None)
    def versions(self, request: Request, pk: str) -> Response:
        """Every form that the rule had, the latest first."""
        found: Any = self.get_object().versions.select_related("author")
        page = self.paginate_queryset(self.filter_queryset(found))
        return self.get_paginated_response(RuleVersionSerializer(page, many=True).data)

    def _author(self) -> Any:
        """A person; a program with an API key is none, and has no row to point to."""
        return self.request.user if self.request.user.pk is not None else None
