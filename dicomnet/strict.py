"""Serializers that refuse fields they do not know; at the bottom of the layers, so that every app has the same."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError


class StrictMixin:
    """A misspelt field is an error that names it: ignored, it would leave a default that nobody asked for.

    A field that is only read may be sent back as it was got; it changes nothing.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Check the names, then the values."""
        if isinstance(data, Mapping):
            refuse_unknown(data, self.fields)  # type: ignore[attr-defined]
        return super().to_internal_value(data)  # type: ignore[misc]


class StrictSerializer(StrictMixin, serializers.Serializer[Any]):
    """A plain serializer that refuses unknown fields."""


class StrictModelSerializer(StrictMixin, serializers.ModelSerializer[Any]):
    """A model's serializer that refuses unknown fields."""


def refuse_unknown(given: Mapping[str, Any], known: Any) -> None:
    """Raise a validation error that names each key which is not known.

    Raises:
        ValidationError: there is one.
    """
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValidationError({name: [ErrorDetail("There is no such field.", "unknown")] for name in unknown})
