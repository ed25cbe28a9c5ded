"""Studies that were delivered, and their destinations as real peers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pydicom.uid import generate_uid
from pynetdicom import _config
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.lab.pacs import Behaviour, LabPacs
from dicomnet.scu.store import StoreAssociation
from gateway.env import Environment
from routing.models import Delivery, DeliveryState, Destination, ProofKind
from routing.outgoing import outgoing_of
from routing.proof import query
from studies.models import Instance, Series
from studies.storage import hot_storage
from tests.corpus import CT, data_set, part10
from tests.factories import (
    DeliveryFactory,
    DestinationFactory,
    InstanceFactory,
    SeriesFactory,
    version_of_a_new_rule,
)
from tests.peers import gantry, peer

Deliver = Callable[..., list[Delivery]]
Pacs = Callable[..., LabPacs]
AN_HOUR_AGO = timedelta(hours=1)
MAY_CALL = Entry("LABPACS", "127.0.0.0/8", "", Rights(may_echo=True))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Peers of these tests report at once or on an association of their own."""
    monkeypatch.setattr("routing.proof.commitment.SAME_ASSOCIATION_SECONDS", 0.5)
    yield
    query._pool().close()
    query._pool.cache_clear()


@pytest.fixture
def deliver(home: Environment, rung: list[int]) -> Deliver:
    """Store instances of one study and note them as delivered an hour ago, or as said."""

    def make(destination: Destination, count: int, **columns: Any) -> list[Delivery]:
        version, series = version_of_a_new_rule(), SeriesFactory.create()
        given = {"state": DeliveryState.DELIVERED, "delivered_at": timezone.now() - AN_HOUR_AGO} | columns
        made = []
        for _ in range(count):
            uid = str(generate_uid())
            data = data_set(
                sop_instance_uid=uid.encode(),
                study_instance_uid=series.study.study_instance_uid.encode(),
                series_instance_uid=series.series_instance_uid.encode(),
            )
            instance = stored(series, uid, data)
            made.append(
                DeliveryFactory.create(instance=instance, destination=destination, rule_version=version, **given)
            )
        return made

    return make


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    """Simulated PACS by their behaviour, listening in threads; ``port`` of each is set."""
    running: list[LabPacs] = []

    def start(**behaviour: Any) -> LabPacs:
        folder = tmp_path / f"pacs{len(running)}"
        found = LabPacs(ae_title="LABPACS", folder=folder, behaviour=Behaviour(**behaviour), say=lambda _: None)
        found.start("127.0.0.1", 0)
        running.append(found)
        return found

    yield start
    for found in running:
        found.stop()
    # It keeps this for its whole process, where it would change how our own listener answers on roles.
    _config.UNRESTRICTED_STORAGE_SERVICE = False


@pytest.fixture
def listening(settings: Settings) -> Iterator[int]:
    """The gateway's own listener; the simulated PACS may call it, and may ask for nothing."""
    settings.DICOM_SERVICES = {"GANTRY": "gateway.dimse.GatewayServices"}
    with gantry(MAY_CALL) as port:
        yield port


def stored(series: Series, uid: str, data: bytes) -> Instance:
    file = part10(data, sop_instance_uid=uid, sop_class_uid=CT)
    path = Path(hot_storage().path(f"{uid}.dcm"))
    path.write_bytes(file)
    return InstanceFactory.create(
        series=series,
        sop_instance_uid=uid,
        location=path.name,
        size_bytes=len(file),
        data_set_offset=len(file) - len(data),
    )


def destination_of(pacs: LabPacs, proof: str = ProofKind.COMMITMENT, **columns: Any) -> Destination:
    return DestinationFactory.create(
        ae_title="LABPACS",
        port=pacs.port,
        proof=proof,
        **{"proof_after_minutes": 0, "timeout_seconds": 5} | columns,
    )


def put(pacs: LabPacs, deliveries: list[Delivery]) -> None:
    """Have the PACS keep what these deliveries sent."""
    outgoing = [outgoing_of(delivery) for delivery in deliveries]
    contexts = {instance.context for instance in outgoing}
    with StoreAssociation(peer(pacs.port, "LABPACS"), list(contexts)) as assoc:
        for instance in outgoing:
            assert assoc.send(instance).is_stored


def states(deliveries: list[Delivery]) -> list[str]:
    found = dict(Delivery.objects.filter(pk__in=[one.pk for one in deliveries]).values_list("pk", "state"))
    return [found[one.pk] for one in deliveries]
