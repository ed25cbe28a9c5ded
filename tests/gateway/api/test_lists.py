"""No list of the API is without bounds: each comes in pages, or in a number that something else limits."""

from typing import Any

import pytest

from tests.api_clients import V1, client_of
from tests.gateway.api.operations import description, existing, resolved
from tests.gateway.portal.pages import make_rows

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]
# Lists without pages, and what bounds them.
BOUNDED = {
    f"{V1}/deliveries/lanes": "destinations, which people make",
    f"{V1}/audit/csv": "a file that streams, a row at a time",
    f"{V1}/audit/json": "a file that streams, a row at a time",
}
SIZES = ("page_size", "limit")


def lists() -> dict[str, list[dict[str, Any]]]:
    """The path of each operation that answers with rows, and its parameters."""
    found = {}
    for path, operations in description()["paths"].items():
        content = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        schema = resolved(content.get("application/json", {}).get("schema", {}))
        rows = {"results", "changes"} & set(schema.get("properties", {}))
        if schema.get("type") == "array" or rows:
            found[path] = operations["get"].get("parameters", [])
    return found


def test_there_are_as_many_as_there_should_be() -> None:
    assert len(lists()) > 30
    assert {f"{V1}/studies", f"{V1}/changes", f"{V1}/audit", f"{V1}/spanner/qido/studies", *BOUNDED} <= set(lists())


def test_each_says_how_much_it_gives_at_most() -> None:
    unbounded = {
        path
        for path, parameters in lists().items()
        if not any(one["name"] in SIZES and 0 < one["schema"].get("maximum", 0) <= 5000 for one in parameters)
    }

    assert unbounded == set(BOUNDED)


def test_more_than_that_is_refused() -> None:
    make_rows()
    client: Any = client_of("administrator")
    taken = {}
    for path, parameters in lists().items():
        for one in parameters:
            if one["name"] not in SIZES or ("/spanner/" in path and one["name"] == "limit"):
                continue  # as QIDO-RS has it, a search gives less than was asked for, and says so
            address = path.format(**existing(path, client))
            for wrong in (one["schema"]["maximum"] + 1, 10**30, 0, -1, "x"):
                status = client.get(address, {one["name"]: wrong}).status_code
                if status != 400:
                    taken[path, wrong] = status
    assert taken == {}
