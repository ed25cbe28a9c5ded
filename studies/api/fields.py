"""Values of the standard as an API's clients expect them."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field({"type": "string", "example": "2026-11-20"})
class DicomDateField(serializers.CharField):
    """A DA (PS3.5 6.2) as ``2026-11-20``; what is no valid date is shown as it was sent."""

    def to_representation(self, value: Any) -> str:
        """The eight characters with hyphens."""
        text = str(value)
        try:
            return datetime.strptime(text, "%Y%m%d").date().isoformat() if len(text) == 8 else text  # noqa: DTZ007
        except ValueError:
            return text
