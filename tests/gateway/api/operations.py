"""The API as its own description has it, and addresses of rows that are there."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """What a reference in the document stands for."""
    while "$ref" in schema:
        found: Any = description()
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        schema = found
    return schema


def existing(path: str, client: APIClient) -> dict[str, Any]:
    """Values for the parameters in a path, of the first row of each list in it; empty where a list has none."""
    found: dict[str, Any] = {}
    while "{" in path:
        before, _, rest = path.partition("/{")
        name, _, after = rest.partition("}")
        rows = client.get(before).json().get("results")
        if not rows:
            return {}
        found[name] = rows[0].get(name, rows[0].get("id"))
        path = f"{before}/{found[name]}{after}"
    return found
