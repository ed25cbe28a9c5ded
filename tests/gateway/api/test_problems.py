"""Errors of the API are problem documents (RFC 9457), whatever goes wrong."""

import logging
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from gateway.problems import PROBLEMS
from tests.api_clients import V1, client_of
from tests.factories import DeliveryFactory, DestinationFactory, RuleFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator() -> APIClient:
    return client_of("administrator")


def assert_problem(response: Any, status: int, slug: str) -> dict[str, Any]:
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"/problems/{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in response.content.decode()
    return body


def test_unknown_fields_are_named(administrator: APIClient) -> None:
    given = {"name": "A", "ae_title": "A", "host": "h", "prot": 104, "Host": "h"}

    body = assert_problem(administrator.post(f"{V1}/destinations", given, format="json"), 400, "validation")

    assert body["errors"] == {"prot": ["There is no such field."], "Host": ["There is no such field."]}


def test_malformed_json_is_said_to_be_so(administrator: APIClient) -> None:
    response = administrator.post(f"{V1}/destinations", "{", content_type="application/json")

    assert_problem(response, 400, "malformed")


def test_another_media_type_is_refused(administrator: APIClient) -> None:
    response = administrator.post(f"{V1}/destinations", "<a/>", content_type="text/xml")

    assert_problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "7"])
def test_json_that_is_no_object_is_refused(administrator: APIClient, body: str) -> None:
    response = administrator.post(f"{V1}/destinations", body, content_type="application/json")

    assert_problem(response, 400, "validation")


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/studies", "/api/", "/api/v1/studies/not-a-uid"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_address_that_leads_nowhere(path: str, method: str) -> None:
    client = APIClient(enforce_csrf_checks=True)

    assert_problem(getattr(client, method)(path), 404, "not-found")


def test_a_row_that_is_not_there(administrator: APIClient) -> None:
    assert_problem(administrator.get(f"{V1}/studies/1.2.3"), 404, "not-found")


def test_a_number_too_large_for_the_database(administrator: APIClient) -> None:
    assert_problem(administrator.get(f"{V1}/destinations/{'9' * 30}"), 404, "not-found")


def test_a_method_that_is_not_possible(administrator: APIClient) -> None:
    response = administrator.delete(f"{V1}/rules/test")

    # Without a permission for it there is nothing to derive; the method is asked about first.
    assert_problem(response, 405, "method-not-allowed")
    assert response["Allow"] == "POST, OPTIONS"


def test_a_role_that_may_not(administrator: APIClient) -> None:
    response = client_of("viewer").post(f"{V1}/destinations", {}, format="json")

    assert_problem(response, 403, "permission-denied")


def test_an_unexpected_error_is_logged_and_not_told(administrator: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    with (
        patch("gateway.trace_api.trace", side_effect=ZeroDivisionError("secret 4711")),
        caplog.at_level(logging.ERROR, "gateway.problems"),
    ):
        study = DeliveryFactory.create().instance.series.study
        response = administrator.get(f"{V1}/studies/{study.study_instance_uid}/trace")

    assert_problem(response, 500, "internal-error")
    assert "4711" not in response.content.decode()
    (record,) = [record for record in caplog.records if record.name == "gateway.problems"]
    assert record.exc_info


def test_a_database_that_is_away(administrator: APIClient) -> None:
    with patch("studies.api.views.Studies.get_queryset", side_effect=OperationalError("host=db password=hunter2")):
        response = administrator.get(f"{V1}/studies")

    assert_problem(response, 503, "unavailable")
    assert "hunter2" not in response.content.decode()


@pytest.mark.parametrize(("path", "media_type"), [("/api/v1/studies", "application/problem+json"), ("/", "text/html")])
def test_an_error_before_the_view_is_reached(path: str, media_type: str) -> None:
    client = client_of("viewer")
    client.raise_request_exception = False

    with patch("django.contrib.auth.middleware.get_user", side_effect=OperationalError("hunter2")):
        response = client.get(path)

    assert response.status_code == 500
    assert response["Content-Type"].startswith(media_type)
    assert "hunter2" not in response.content.decode()


def test_a_body_that_is_too_large_is_not_read() -> None:
    response = APIClient().post(f"{V1}/auth/login", f'"{"x" * 2_700_000}"', content_type="application/json")

    assert_problem(response, 413, "too-large")


def test_json_that_is_nested_too_deeply_is_malformed() -> None:
    response = APIClient().post(f"{V1}/auth/login", "[" * 100_000, content_type="application/json")

    assert_problem(response, 400, "malformed")


@pytest.mark.parametrize("body", ['{"name": "\\ud800"}', '{"\\ud800": 1}'])
def test_text_that_is_no_unicode_is_malformed(administrator: APIClient, body: str) -> None:
    response = administrator.post(f"{V1}/rules", body, content_type="application/json")

    assert_problem(response, 400, "malformed")


def test_what_is_on_record_is_not_deleted(administrator: APIClient) -> None:
    destination = DestinationFactory.create()
    rule = RuleFactory.create(to=[destination])
    DeliveryFactory.create(destination=destination, rule_version=rule.versions.get())

    for path in (f"destinations/{destination.pk}", f"rules/{rule.pk}"):
        body = assert_problem(administrator.delete(f"{V1}/{path}"), 409, "conflict")
        assert "disable it instead" in body["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=201", "page_size"),
        ("page_size=0", "page_size"),
        ("page_size=many", "page_size"),
        ("patient=X", "patient"),
        ("ordering=sha256", "ordering"),
        ("tier=lukewarm", "tier"),
        ("study_date_from=yesterday", "study_date_from"),
        ("q=" + "x" * 201, "q"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(administrator: APIClient, query: str, field: str) -> None:
    body = assert_problem(administrator.get(f"{V1}/studies?{query}"), 400, "validation")

    assert list(body["errors"]) == [field]


def test_a_page_after_the_last(administrator: APIClient) -> None:
    assert_problem(administrator.get(f"{V1}/studies?page=2"), 404, "not-found")


def test_the_documentation_names_every_type() -> None:
    from gateway.env import BASE_DIR

    text = (BASE_DIR / "docs" / "api.md").read_text()

    for slug in [slug for slug, _ in PROBLEMS.values()] + ["malformed"]:
        assert f"`/problems/{slug}`" in text
