"""Values of routing as an API's clients expect them."""

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from routing.models import Priority, Rule

WORDS = {priority.value: priority.name.lower() for priority in Priority}


@extend_schema_field({"type": "string", "enum": list(WORDS.values())})
class PriorityField(serializers.Field[int, str, str, int]):
    """``stat``, ``high``, ``routine`` or ``backfill``; the database keeps their order as numbers."""

    def to_representation(self, value: int) -> str:
        """The word."""
        return WORDS[value]

    def to_internal_value(self, data: Any) -> int:
        """The number of a word."""
        for number, word in WORDS.items():
            if data == word:
                return number
        raise serializers.ValidationError(f"Give one of {', '.join(WORDS.values())}.")


@extend_schema_field({"type": "array", "items": {"type": "object"}})
class ListOfObjects(serializers.JSONField):
    """JSON that the model's own validators check."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse NUL, which PostgreSQL does not keep."""
        if not isinstance(data, list):
            raise serializers.ValidationError("Give a list.")
        if "\\u0000" in json.dumps(data):
            raise serializers.ValidationError("A value holds a character that cannot be stored.")
        return super().to_internal_value(data)


class ConditionsField(ListOfObjects):
    """A rule's conditions; all must hold."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=list(Rule._meta.get_field("conditions").validators), **kwargs)


class ActionsField(ListOfObjects):
    """What else is done with what matches."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=list(Rule._meta.get_field("actions").validators), **kwargs)
