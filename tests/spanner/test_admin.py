"""Federated search in Django admin: everything is seen, nothing that is secret or of patients, records stay."""

from collections.abc import Callable

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from spanner.answers import Answer, State
from spanner.models import Source, SourceMinute, SpanningConfig
from spanner.queries import open_query, write_answer
from spanner.question import PATIENT_ID, question
from spanner.search import targets_of
from studies.query.keys import QueryLevel
from tests.factories import UserFactory
from tests.spanner.archives import study
from tests.spanner.conftest import Federate

pytestmark = pytest.mark.django_db
Make = Callable[..., Source]
MODELS = ("source", "spanningconfig", "configsource", "query", "sourceanswer", "sourceminute")


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(UserFactory.create(role="administrator"))
    return client


@pytest.fixture
def config(dimse: Make, federate: Federate) -> SpanningConfig:
    source = dimse("North", 104, secret="sealed-secret", failures_in_a_row=2, last_error="gone")
    config = federate(source)
    asked = question(QueryLevel.STUDY, {PATIENT_ID: "Canary"})
    query = open_query(config, targets_of(config), asked, door="api", asked_by="anna")
    row = {"00100020": {"vr": "LO", "Value": [study(1, "Canary")["PatientID"]]}}
    write_answer(query.pk, source.pk, Answer("North", State.OK, [row]))
    SourceMinute.objects.create(source=source, minute=timezone.now(), asked=1)
    return config


@pytest.mark.parametrize("model", MODELS)
def test_each_is_seen_without_what_is_nobodys_business(client: Client, config: SpanningConfig, model: str) -> None:
    pk = apps.get_model("spanner", model)._default_manager.get().pk

    for address in (f"/admin/spanner/{model}/", f"/admin/spanner/{model}/{pk}/change/"):
        response = client.get(address)
        assert response.status_code == 200
        page = response.content.decode()
        assert "sealed-secret" not in page
        assert "Canary" not in page
        assert "gAAAAA" not in page  # what is encrypted


@pytest.mark.parametrize("model", ["query", "sourceanswer", "sourceminute"])
def test_a_record_is_not_changed(client: Client, config: SpanningConfig, model: str) -> None:
    assert client.get(f"/admin/spanner/{model}/add/").status_code == 403


def test_a_source_is_changed_as_by_the_api(client: Client, config: SpanningConfig) -> None:
    source = Source.objects.get()
    given = {
        "name": "North",
        "comment": "changed",
        "is_enabled": "on",
        "host": "thief.example",
        "tls_server_name": "",
        "calling_ae_title": "",
        "retrieve": "get",
        "timeout_seconds": 7,
        "max_concurrent": 4,
        "result_limit": 2000,
        "cuts_at": 0,
        "issuer_of_patient_id": "",
        "patient_id_prefix": "",
    }

    response = client.post(f"/admin/spanner/source/{source.pk}/change/", given)

    assert response.status_code == 302, response.content.decode()
    changed = Source.objects.get()
    assert (changed.comment, changed.timeout_seconds, changed.host) == ("changed", 7, source.host)
    assert (changed.secret, changed.failures_in_a_row, changed.last_error) == ("sealed-secret", 2, "gone")
