"""What the tests of storage commitment share: stored instances with real files, and silence of the bells."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from dicomnet.commitment import CommitmentRequest, Reference
from gateway.env import Environment
from studies.commitments.accept import accept
from studies.commitments.models import Commitment
from studies.events import commitments_due
from studies.models import Instance, Series
from studies.spool import Spool
from studies.storage import hot_storage
from tests.corpus import CT, data_set, part10
from tests.factories import InstanceFactory, SeriesFactory

Store = Callable[..., Instance]
Ask = Callable[..., Commitment]


@pytest.fixture
def spool(home: Environment) -> Spool:
    spool = Spool(home.spool_dir, 100)
    spool.prepare()
    return spool


@pytest.fixture(autouse=True)
def told() -> Iterator[list[str]]:
    """AE titles for which reports were said to be due; nobody else hears it."""
    heard: list[str] = []

    def hear(calling_ae_title: str, **kwargs: Any) -> None:
        heard.append(calling_ae_title)

    receivers, commitments_due.receivers = commitments_due.receivers, []
    commitments_due.sender_receivers_cache.clear()
    commitments_due.connect(hear)
    yield heard
    commitments_due.receivers = receivers
    commitments_due.sender_receivers_cache.clear()


@pytest.fixture
def store(home: Environment) -> Store:
    """Store an instance with its file, as the index leaves it."""
    series: list[Series] = []

    def make(uid: str = "", *, late: bytes = b"", **columns: Any) -> Instance:
        if not series:
            series.append(SeriesFactory.create())
        uid = uid or str(generate_uid())
        content = data_set(sop_instance_uid=uid.encode(), late=late)
        file = part10(content, sop_instance_uid=uid, sop_class_uid=CT)
        path = Path(hot_storage().path(f"{generate_uid()}.dcm"))
        path.write_bytes(file)
        return InstanceFactory.create(
            series=series[0],
            sop_instance_uid=uid,
            location=path.name,
            size_bytes=len(file),
            data_set_offset=len(file) - len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            **columns,
        )

    return make


@pytest.fixture
def ask() -> Ask:
    """Have a request for these instances accepted, as from the modality CT1."""

    def make(*items: Instance | Reference, **other: Any) -> Commitment:
        request = CommitmentRequest(
            **{
                "transaction_uid": str(generate_uid()),
                "references": tuple(map(reference, items)),
                "calling_ae_title": "CT1",
                "called_ae_title": "GANTRY",
                "source_address": "127.0.0.1",
            }
            | other
        )
        answer = accept(request)
        assert answer.status == 0, answer
        return Commitment.objects.get(pk=Commitment.objects.latest("pk").pk)

    return make


def reference(item: Instance | Reference) -> Reference:
    """What a request says of an instance."""
    return item if isinstance(item, Reference) else Reference(item.sop_class_uid, item.sop_instance_uid)


def path_of(instance: Instance) -> Path:
    return Path(hot_storage().path(instance.location))


def flip_a_bit(path: Path, at: int) -> None:
    """Damage one bit, as a disk might."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0x01
    path.write_bytes(data)
