"""The OpenAPI schema is whole, and its pages work under the content security policy."""

from io import StringIO

import pytest
import yaml
from django.core.management import call_command

from tests.api_clients import V1, client_of

pytestmark = pytest.mark.django_db


def test_the_schema_is_valid_and_without_warnings() -> None:
    out = StringIO()

    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)

    schema = yaml.safe_load(out.getvalue())
    assert schema["openapi"].startswith("3.")
    assert set(schema["components"]["securitySchemes"]) == {"apiKey", "cookieAuth", "jwtAuth"}
    assert {f"{V1}/studies", f"{V1}/studies/{{study_instance_uid}}", f"{V1}/rules/test"} <= set(schema["paths"])
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert all({"401", "403", "429", "500", "503"} <= set(operation["responses"]) for operation in operations)
    problems = schema["components"]["responses"]
    assert all(set(problem["content"]) == {"application/problem+json"} for problem in problems.values())


def test_the_schema_is_served() -> None:
    assert client_of("viewer").get(f"{V1}/schema/").status_code == 200


def test_the_pages_have_no_inline_script_or_style() -> None:
    client = client_of("viewer")

    response = client.get(f"{V1}/docs/")

    page = response.content.decode()
    assert response.status_code == 200
    assert "<style" not in page
    assert page.count("<script") == page.count('<script src="') == 3
    assert "default-src 'self'" in response["Content-Security-Policy"]
    script = client.get(f"{V1}/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "SwaggerUIBundle" in script.content.decode()


def test_the_front_door_shows_the_way() -> None:
    client = client_of("viewer")

    for address in client.get(f"{V1}/").json().values():
        assert client.get(address).status_code == 200
