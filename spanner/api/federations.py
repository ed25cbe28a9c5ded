"""API: federations, and the sources of each."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.viewsets import ModelViewSet

from dicomnet.strict import StrictModelSerializer
from spanner.models import ConfigSource, Source, SpanningConfig

_OF_FEDERATION = OpenApiParameter("config_pk", OpenApiTypes.INT, OpenApiParameter.PATH)


class SpanningConfigSerializer(StrictModelSerializer):
    """A federation: how its sources are asked."""

    class Meta:
        model = SpanningConfig
        fields = [
            "id",
            "name",
            "description",
            "is_enabled",
            "ae_title",
            "max_concurrent_sources",
            "timeout_seconds",
            "retry_attempts",
            "failure_strategy",
            "deduplication_enabled",
            "cache_seconds",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["created_at", "updated_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What goes together."""
        draft = SpanningConfig(pk=self.instance.pk if self.instance else None, ae_title=attrs.get("ae_title", ""))
        try:
            draft.clean()
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        return attrs


class MemberSerializer(StrictModelSerializer):
    """A source in a federation."""

    source_id = serializers.PrimaryKeyRelatedField(source="source", queryset=Source.objects.all())
    source_name = serializers.CharField(source="source.name", read_only=True)

    class Meta:
        model = ConfigSource
        fields = ["id", "source_id", "source_name", "priority", "timeout_override"]

    def validate_source_id(self, source: Source) -> Source:
        """Each source once."""
        others = ConfigSource.objects.filter(config=self.context["config"], source=source)
        if self.instance is not None:
            others = others.exclude(pk=self.instance.pk)
        if others.exists():
            raise serializers.ValidationError("It is in this federation already.")
        return source

    def create(self, validated_data: dict[str, Any]) -> ConfigSource:
        """In the federation of the address."""
        return ConfigSource.objects.create(config=self.context["config"], **validated_data)


class SpanningConfigs(ModelViewSet[SpanningConfig]):
    """Federations."""

    queryset = SpanningConfig.objects.all()
    serializer_class = SpanningConfigSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["name", "created_at"]


@extend_schema(parameters=[_OF_FEDERATION])
class Members(ModelViewSet[ConfigSource]):
    """The sources of a federation, the first in line first."""

    queryset = ConfigSource.objects.select_related("source").order_by("priority", "source__name")
    serializer_class = MemberSerializer
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> Any:
        """Those of the federation in the address."""
        return super().get_queryset().filter(config=self.kwargs.get("config_pk"))

    def get_serializer_context(self) -> dict[str, Any]:
        """With the federation, where there is one to write to."""
        context = dict(super().get_serializer_context())
        if "config_pk" not in self.kwargs:  # for the description of the API
            return context
        return context | {"config": self._config}

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Who may not read is told so before whether the federation is there."""
        super().initial(request, *args, **kwargs)
        self._config = get_object_or_404(SpanningConfig, pk=self.kwargs["config_pk"])
