"""Values of routing as an API's clients expect them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from routing.models import Priority

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


class NothingYet(serializers.Field[Any, Any, Any, Any]):
    """A field of the API's contract whose feature this version does not have.

    Clients may send its neutral value, which changes nothing; anything else is refused, so that nobody believes that
    it was heard.
    """

    def __init__(self, neutral: Any, **kwargs: Any) -> None:
        self.neutral = neutral
        super().__init__(required=False, **kwargs)

    def get_attribute(self, instance: Any) -> Any:
        """No model has it."""
        return self.neutral

    def to_representation(self, value: Any) -> Any:
        """Always the neutral value."""
        return value

    def to_internal_value(self, data: Any) -> Any:
        """Take the neutral value, and leave it out of what is saved."""
        if data != self.neutral or type(data) is not type(self.neutral):
            raise serializers.ValidationError(f"This version takes nothing here but {self.neutral!r}.")
        raise serializers.SkipField


@extend_schema_field({"type": "array", "items": {}, "maxItems": 0})
class EmptyList(NothingYet):
    """A list that must be empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__([], **kwargs)
