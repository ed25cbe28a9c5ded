"""Who may read the metrics, and what they say."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from gateway.env import Environment
from gateway.metrics import RowCollector
from routing.models import Delivery
from studies.dimse import local_spool
from studies.models import Study
from tests.api_clients import key_client
from tests.factories import (
    CommitmentFactory,
    ConflictFactory,
    DeliveryFactory,
    DestinationFactory,
    IdentityClashFactory,
    InstanceFactory,
)

pytestmark = pytest.mark.django_db


def samples(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    text = client.get("/metrics").content.decode()
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_may_read_them(client: Client, address: str) -> None:
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.9", "2001:db8::1", "", "unix:"])
def test_others_may_not(client: Client, address: str) -> None:
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_proxy_on_this_machine_does_not_lend_its_address(client: Client, header: str) -> None:
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize(("scope", "status"), [("metrics", 200), ("viewer", 403), ("administrator", 403)])
def test_a_key_with_the_scope_may(scope: str, status: int) -> None:
    assert key_client(scope).get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == status


def test_figures_from_rows(client: Client, home: Environment) -> None:
    destination = DestinationFactory.create(name="PACS")
    DeliveryFactory.create(destination=destination, queued_at=timezone.now() - timedelta(minutes=2))
    DeliveryFactory.create(destination=destination, has_failed=True)
    instance = InstanceFactory.create(planned_at=timezone.now())
    ConflictFactory.create(instance=instance, other=instance)
    ConflictFactory.create(
        resolved_at=timezone.now(), instance=instance, other=Delivery.objects.earliest("pk").instance
    )
    IdentityClashFactory.create(study=instance.series.study, instance=instance)
    CommitmentFactory.create()
    Study.objects.update(number_of_study_related_instances=1, size_bytes=10)
    Path(local_spool().new / "a" / "01.dcm").touch()

    found = samples(client)

    assert found["gantry_deliveries", ("PACS", "pending")] == 1
    assert found["gantry_deliveries", ("PACS", "dead")] == 1
    assert 119 < found["gantry_delivery_oldest_pending_seconds", ("PACS",)] < 130
    assert found["gantry_studies", ()] == 3
    assert found["gantry_instances", ()] == 3
    assert found["gantry_stored_bytes", ()] == 30
    assert found["gantry_instances_unplanned", ()] == 2
    assert found["gantry_conflicts_open", ()] == 1
    assert found["gantry_identity_clashes_open", ()] == 1
    assert found["gantry_damage_open", ()] == 0
    assert found["gantry_spool_files", ()] == 1
    assert found["gantry_commitments", ("reported",)] == 1
    assert found["gantry_commitments", ("failed",)] == 0
    assert found["gantry_spool_oldest_seconds", ()] >= 0
    assert found["gantry_database_up", ()] == 1
    assert any(name == "django_http_requests_total_by_method_total" for name, _ in found)


def test_a_database_that_is_away_costs_its_figures_only(client: Client) -> None:
    with patch("gateway.metrics.stored_totals", side_effect=OperationalError):
        found = samples(client)

    assert found["gantry_database_up", ()] == 0
    assert not any(name == "gantry_studies" for name, _ in found)


def test_a_spool_that_cannot_be_made_costs_its_figures_only(
    client: Client, home: Environment, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    settings.GANTRY = replace(home, home=tmp_path / "file")

    found = samples(client)

    assert not any(name == "gantry_spool_files" for name, _ in found)
    assert found["gantry_database_up", ()] == 1


def test_the_number_of_queries_is_constant(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(3):
        DeliveryFactory.create()

    with django_assert_num_queries(13):
        list(RowCollector().collect())
