"""Federations and their sources by the API."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from spanner.models import ConfigSource, Source, SpanningConfig
from tests.api_clients import V1, client_of
from tests.spanner.conftest import Federate

pytestmark = pytest.mark.django_db
Make = Callable[..., Source]
PATH = f"{V1}/config/spanner"
NEW = {
    "name": "all-sites",
    "description": "every archive",
    "max_concurrent_sources": 4,
    "timeout_seconds": 8,
    "retry_attempts": 2,
    "failure_strategy": "strict",
    "deduplication_enabled": False,
}


@pytest.fixture
def client() -> APIClient:
    return client_of("administrator")


def test_one_is_made_changed_and_removed(client: APIClient) -> None:
    made = client.post(PATH, NEW, format="json")
    assert made.status_code == 201
    assert made.json() | NEW == made.json()
    path = f"{PATH}/{made.json()['id']}"

    assert client.patch(path, {"failure_strategy": "fail"}, format="json").json()["failure_strategy"] == "fail"
    got = client.get(path).json()
    again = client.put(path, got, format="json").json()
    assert again | {"updated_at": got["updated_at"]} == got

    assert client.delete(path).status_code == 204
    assert not SpanningConfig.objects.exists()


def test_the_least_that_one_takes(client: APIClient) -> None:
    made = client.post(PATH, {"name": "x"}, format="json").json()

    assert (made["failure_strategy"], made["deduplication_enabled"], made["is_enabled"]) == (
        "partial_results",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "no blanks"}, "name"),
        ({"name": "old"}, "name"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 601}, "timeout_seconds"),
        ({"max_concurrent_sources": 0}, "max_concurrent_sources"),
        ({"retry_attempts": 6}, "retry_attempts"),
        ({"failure_strategy": "hope"}, "failure_strategy"),
        ({"cache_seconds": 3601}, "cache_seconds"),
        ({"ae_title": "GANTRY"}, "ae_title"),
        ({"ae_title": "OLD"}, "ae_title"),
        ({"timeout": 3}, "timeout"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(client: APIClient, given: dict[str, Any], field: str) -> None:
    SpanningConfig.objects.create(name="old", ae_title="OLD")

    response = client.post(PATH, NEW | given, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


class TestMembers:
    def test_one_is_added_changed_and_removed(self, client: APIClient, dimse: Make, federate: Federate) -> None:
        config, source = federate(), dimse("North", 104)
        path = f"{PATH}/{config.pk}/sources"
        given = {"source_id": source.pk, "priority": 3, "timeout_override": 5}

        made = client.post(path, given, format="json")
        assert made.status_code == 201
        assert made.json() | given | {"source_name": "North"} == made.json()
        one = f"{path}/{made.json()['id']}"

        assert client.patch(one, {"priority": 1}, format="json").json()["priority"] == 1
        assert client.put(one, client.get(one).json(), format="json").status_code == 200
        assert client.get(path).json()["results"] == [client.get(one).json()]
        assert client.delete(one).status_code == 204
        assert Source.objects.filter(pk=source.pk).exists()

    def test_the_first_in_line_stands_first(self, client: APIClient, dimse: Make, federate: Federate) -> None:
        config = federate(dimse("B", 104), dimse("A", 104))

        rows = client.get(f"{PATH}/{config.pk}/sources").json()["results"]

        assert [row["source_name"] for row in rows] == ["B", "A"]

    def test_a_long_list_costs_as_many_queries_as_a_short_one(
        self, client: APIClient, dimse: Make, federate: Federate, django_assert_num_queries: Any
    ) -> None:
        path = f"{PATH}/{federate(*(dimse(f'S{number}', 104) for number in range(10))).pk}/sources"

        with django_assert_num_queries(5):  # the session, who asks, the federation, how many, which
            assert client.get(path).json()["count"] == 10

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"source_id": 999}, "source_id"),
            ({}, "source_id"),
            ({"timeout_override": 0}, "timeout_override"),
            ({"priority": -1}, "priority"),
            ({"config": 1}, "config"),
        ],
    )
    def test_a_bad_value(
        self, client: APIClient, dimse: Make, federate: Federate, given: dict[str, Any], field: str
    ) -> None:
        config = federate()
        least = {"source_id": dimse("North", 104).pk} if field != "source_id" else {}

        response = client.post(f"{PATH}/{config.pk}/sources", least | given, format="json")

        assert response.status_code == 400
        assert list(response.json()["errors"]) == [field]

    def test_a_source_is_in_it_once_and_may_be_in_another(
        self, client: APIClient, dimse: Make, federate: Federate
    ) -> None:
        source = dimse("North", 104)
        config, other = federate(source), federate(name="other")

        twice = client.post(f"{PATH}/{config.pk}/sources", {"source_id": source.pk}, format="json")
        assert list(twice.json()["errors"]) == ["source_id"]
        assert client.post(f"{PATH}/{other.pk}/sources", {"source_id": source.pk}, format="json").status_code == 201

    def test_a_member_of_another_federation_is_not_found(
        self, client: APIClient, dimse: Make, federate: Federate
    ) -> None:
        federate(dimse("North", 104))
        other, member = federate(name="other"), ConfigSource.objects.get()

        assert client.delete(f"{PATH}/{other.pk}/sources/{member.pk}").status_code == 404
        assert client.get(f"{PATH}/999/sources").status_code == 404
