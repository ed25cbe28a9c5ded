"""API: rules, what is wrong with them, their versions, and the way back to one."""

from copy import copy
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from dicomnet.strict import StrictModelSerializer, StrictSerializer
from routing.api.fields import ActionsField, ConditionsField, PriorityField
from routing.models import AIPool, Destination, Priority, Rule, RuleVersion
from routing.rules import save_rule
from routing.validate import Finding, Severity, validate_draft, validate_rules
from routing.versions import CannotRollBack, roll_back

# What decides what a rule does; a change of one of them is checked beside all the others.
_DECIDING = frozenset({"order", "scope", "mode", "conditions", "actions", "destinations", "ai_pools"})


class RuleSerializer(StrictModelSerializer):
    """What goes where."""

    conditions = ConditionsField(required=False)
    actions = ActionsField(required=False)
    destinations = serializers.PrimaryKeyRelatedField(
        queryset=Destination.objects.all(), many=True, required=False, allow_empty=True
    )
    ai_pools = serializers.PrimaryKeyRelatedField(
        queryset=AIPool.objects.all(), many=True, required=False, allow_empty=True
    )
    priority = PriorityField(default=Priority.ROUTINE.value)
    reason = serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=200, help_text="Why; kept on the version."
    )

    class Meta:
        model = Rule
        fields = [
            "id",
            "name",
            "is_enabled",
            "order",
            "scope",
            "mode",
            "conditions",
            "destinations",
            "ai_pools",
            "actions",
            "priority",
            "comment",
            "reason",
            "version",
            "updated_at",
        ]
        read_only_fields = ["version", "updated_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what validation calls an error, with all that the rule would have."""
        if isinstance(self.instance, Rule) and not attrs.keys() & _DECIDING:
            return attrs  # a rule that is wrong may still be turned off
        destinations, ai_pools = self._named(attrs, "destinations"), self._named(attrs, "ai_pools")
        draft = copy(self.instance) if isinstance(self.instance, Rule) else Rule()
        for name in _DECIDING - {"destinations", "ai_pools"}:
            setattr(draft, name, attrs.get(name, getattr(draft, name)))
        found = validate_draft(draft, destinations, ai_pools)
        # A program may name the destinations later; until then the list of rules says that it does nothing.
        errors = [each for each in found if each.severity == Severity.ERROR and each.code != "does-nothing"]
        if errors:
            raise serializers.ValidationError([each.words for each in errors])
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Rule:
        """A new rule with its first version."""
        return self._save(Rule(), validated_data)

    def update(self, instance: Rule, validated_data: dict[str, Any]) -> Rule:
        """A changed rule, with its next version when the change matters."""
        return self._save(instance, validated_data)

    def _save(self, rule: Rule, values: dict[str, Any]) -> Rule:
        destinations, ai_pools = self._named(values, "destinations"), self._named(values, "ai_pools")
        author, reason = values.pop("author"), values.pop("reason", "")
        for name, value in values.items():
            if name not in {"destinations", "ai_pools"}:
                setattr(rule, name, value)
        save_rule(rule, destinations=destinations, ai_pools=ai_pools, author=author, reason=reason)
        return rule

    def _named(self, values: dict[str, Any], field: str) -> list[Any]:
        """What is given, or else what the rule has."""
        if field in values:
            return list(values[field])
        return list(getattr(self.instance, field).all()) if isinstance(self.instance, Rule) else []


class RuleVersionSerializer(StrictModelSerializer):
    """One form that a rule had."""

    author = serializers.CharField(source="author.username", default=None, allow_null=True, read_only=True)
    definition = serializers.DictField(read_only=True)

    class Meta:
        model = RuleVersion
        fields = ["number", "definition", "author", "reason", "created_at"]


class RollBackSerializer(StrictSerializer):
    """Which version is wanted again."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class FindingSerializer(serializers.Serializer[Finding]):
    """One thing that somebody should look at."""

    severity = serializers.ChoiceField(choices=[(each.value, each.value) for each in Severity])
    code = serializers.CharField(help_text="For programs; it does not change.")
    words = serializers.CharField()
    rule = serializers.IntegerField(source="rule.pk", default=None, allow_null=True)
    rule_name = serializers.CharField(source="rule.name", default=None, allow_null=True)
    destination = serializers.IntegerField(source="destination.pk", default=None, allow_null=True)


class FindingsSerializer(serializers.Serializer[Any]):
    """All findings, errors first."""

    findings = FindingSerializer(many=True)


class NoWayBack(APIException):
    """The version cannot be had again."""

    status_code = status.HTTP_409_CONFLICT


class Rules(ModelViewSet[Rule]):
    """Rules in the order in which they are tried; all that match count."""

    queryset = Rule.objects.prefetch_related("destinations", "ai_pools")
    serializer_class = RuleSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["order", "name", "updated_at"]
    action_permissions = {
        "versions": "routing.view_ruleversion",
        "rollback": "routing.change_rule",
        "validate_all": "routing.view_rule",
    }

    def perform_create(self, serializer: BaseSerializer[Rule]) -> None:
        """Name who wrote it."""
        serializer.save(author=author_of(self.request))

    def perform_update(self, serializer: BaseSerializer[Rule]) -> None:
        """Name who changed it."""
        serializer.save(author=author_of(self.request))

    @extend_schema(responses=RuleVersionSerializer(many=True))
    @action(detail=True, ordering_fields=None)
    def versions(self, request: Request, pk: str) -> Response:
        """Every form that the rule had, the latest first."""
        found: Any = self.get_object().versions.select_related("author")
        page = self.paginate_queryset(self.filter_queryset(found))
        return self.get_paginated_response(RuleVersionSerializer(page, many=True).data)

    @extend_schema(request=RollBackSerializer, responses=RuleSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        """Give the rule the form of an earlier version; that makes a new one, whose reason says so."""
        rule = self.get_object()
        given = RollBackSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            roll_back(rule, given.validated_data["version"], author=author_of(request))
        except CannotRollBack as error:
            raise NoWayBack(str(error)) from error
        return Response(RuleSerializer(self.get_object()).data)

    @extend_schema(responses=FindingsSerializer)
    @action(detail=False, url_path="validate", url_name="validate", ordering_fields=None, pagination_class=None)
    def validate_all(self, request: Request) -> Response:
        """What is wrong, or looks wrong, with the rules as they stand together."""
        return Response(FindingsSerializer({"findings": validate_rules()}).data)


def author_of(request: Request) -> Any:
    """A person; a program with an API key is none, and has no row to point to."""
    return request.user if request.user.pk is not None else None
