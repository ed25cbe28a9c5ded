"""Every operation of the API, asked as its description allows and as it does not, answers as the description says."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from rest_framework.test import APIClient
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.accounts.models import ApiKey
from routing.models import AIWorker
from spanner.models import Source
from tests.gateway.api.operations import description, existing
from tests.gateway.portal.pages import make_rows

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FEW, MANY = 5, 200  # of each operation, in the suite and in the run of the faults
_SIGNALS = (request_started, request_finished)
_application = get_wsgi_application()


def application(environ: Any, start_response: Any) -> Any:
    """The product in this thread and transaction: nothing closes the connection behind a request."""
    for signal in _SIGNALS:
        signal.disconnect(close_old_connections)
    return _application(environ, start_response)


SCHEMA = schemathesis.openapi.from_dict(description())
SCHEMA.app = application
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}


def test_each_operation_is_asked() -> None:
    assert len(OPERATIONS) == sum(map(len, description()["paths"].values())) > 150


@pytest.fixture(scope="module")
def headers(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """Those of an administrator's key; the rows of every page are there, and whom they would call is this machine."""
    with django_db_blocker.unblock(), transaction.atomic():
        make_rows()
        for model in (AIWorker, Source):
            model.objects.update(host="127.0.0.1", port=1)
        _, key = ApiKey.objects.create_key(name="program", scopes=["administrator"])
        yield {"Authorization": f"Api-Key {key}"}
        transaction.set_rollback(True)
    for signal in _SIGNALS:
        signal.connect(close_old_connections)


@pytest.mark.parametrize(
    "examples",
    [pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.faults)],
)
@pytest.mark.parametrize("label", OPERATIONS)
def test_it_answers_as_it_is_described(label: str, examples: int, headers: dict[str, str]) -> None:
    operation = OPERATIONS[label]
    rows = existing(operation.path, APIClient(headers=headers))

    @settings(
        max_examples=examples,
        derandomize=examples == FEW,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    )
    def ask(case: Case) -> None:
        if case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE:
            case.path_parameters |= rows
        with transaction.atomic():
            response = case.call(headers=headers)
            transaction.set_rollback(True)
        case.validate_response(response, checks=CHECKS)

    ask()
