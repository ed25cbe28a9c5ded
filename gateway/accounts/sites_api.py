"""API: sites."""

from typing import Any

from rest_framework import serializers
from rest_framework.viewsets import ModelViewSet

from dicomnet.strict import StrictModelSerializer
from gateway.accounts.models import Site, validate_values

CONDITIONS = ("senders", "institutions", "labels")


def _values(words: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=500, help_text=words
    )


class SiteSerializer(StrictModelSerializer):
    """A site: a study belongs to it when one of its conditions holds."""

    senders = _values("AE titles of the devices that send, in their own case.")
    institutions = _values("Institution Names, each as a whole and in its own case.")
    labels = _values("Labels, of which the study has one.")

    class Meta:
        model = Site
        fields = ["id", "name", *CONDITIONS]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Without a condition it would show nothing."""
        given = {name: attrs.get(name, getattr(self.instance, name, [])) for name in CONDITIONS}
        for values in given.values():
            validate_values(values)
        if not any(given.values()):
            raise serializers.ValidationError({"senders": ["Give at least one condition of some kind."]})
        return attrs


class Sites(ModelViewSet[Site]):
    """Sites, which say what users and API keys see that do not see everything."""

    queryset = Site.objects.order_by("pk")
    serializer_class = SiteSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["name"]
