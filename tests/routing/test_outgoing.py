"""What goes out: stored files as they are, changed copies while they are needed, and nothing where a change failed."""

import fcntl
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.filereader import read_dataset
from pytest_django import DjangoAssertNumQueries

from gateway.env import Environment
from routing import outgoing as outgoing_module
from routing.deliver import drive
from routing.models import Delivery, DeliveryState, RuleVersion
from routing.outgoing import outgoing, outgoing_of, remove_leftovers
from routing.queue import claim
from routing.tasks import sweep_changed_copies
from studies.models import Instance
from studies.storage import hot_storage
from tests.corpus import data_set, data_set_bytes, element
from tests.factories import DeliveryFactory, DestinationFactory, RuleFactory
from tests.peers import storing_peer
from tests.routing.conftest import Store

pytestmark = pytest.mark.django_db(transaction=True)
SET = {"action": "set", "attribute": "PatientID", "value": "NEW"}
DEIDENTIFY = {"action": "deidentify"}
SECRET = element(0x00100010, "PN", b"Leaky^Larry")


@pytest.fixture(autouse=True)
def _quiet(rung: list[int]) -> None:
    """Nobody else drives the lanes."""


def version(*actions: dict[str, Any]) -> RuleVersion:
    found: RuleVersion = RuleFactory.create(actions=list(actions)).versions.get()
    return found


def delivery(store: Store, *actions: dict[str, Any], data: bytes | None = None, **columns: Any) -> Delivery:
    instance = store(data=data) if data is not None else store()
    made: Delivery = DeliveryFactory.create(instance=instance, rule_version=version(*actions), **columns)
    return made


def path_of(instance: Instance) -> Path:
    return Path(hot_storage().path(instance.location))


def copies(home: Environment) -> list[Path]:
    return list((home.home / "outgoing").rglob("*")) if (home.home / "outgoing").exists() else []


def test_without_actions_the_stored_file_goes_out_and_nothing_is_asked(
    store: Store, home: Environment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    deliveries = [delivery(store), delivery(store, {"action": "label", "label": "x"})]
    destination = DestinationFactory.create()
    Delivery.objects.update(destination=destination)
    claimed = claim(destination, token="t", limit=10)
    with django_assert_num_queries(0), outgoing(claimed) as batch:
        assert {sent.path for sent in batch.ready} == {path_of(delivery.instance) for delivery in deliveries}
        assert batch.failed == []
    assert copies(home) == []


def test_a_changed_copy_is_there_until_the_batch_ends(store: Store, home: Environment) -> None:
    plain, changed = delivery(store), delivery(store, SET)
    before = path_of(changed.instance).read_bytes()
    with outgoing([plain, changed]) as batch:
        of = {made: sent for sent, made in batch.ready.items()}
        assert of[plain] == outgoing_of(plain)
        copy = of[changed]
        assert home.home / "outgoing" in copy.path.parents
        assert b"NEW" in data_set_bytes(copy.path)
        assert copy.sop_instance_uid == changed.instance.sop_instance_uid
        assert (copy.path.parent.stat().st_mode & 0o777, copy.path.parent.parent.stat().st_mode & 0o777) == (
            0o700,
            0o700,
        )
        assert changed.instance.sop_instance_uid not in copy.path.name
    assert copies(home) == [] or [path.name for path in copies(home)] == []
    assert path_of(changed.instance).read_bytes() == before


def test_copies_are_the_same_each_time(store: Store) -> None:
    made = delivery(store, SET, DEIDENTIFY)
    found = []
    for _ in range(2):
        with outgoing([made]) as batch:
            found += [sent.path.read_bytes() for sent in batch.ready]
    assert found[0] == found[1]


def test_what_cannot_be_changed_fails_alone_and_is_never_sent(store: Store) -> None:
    """The others of its batch arrive; it is dead with a reason, and the peer never saw it."""
    with storing_peer() as storing:
        destination = DestinationFactory.create(ae_title="PEER", port=storing.port, timeout_seconds=2)
        plain = delivery(store, destination=destination)
        named = data_set(
            sop_instance_uid=b"1.2.3.77",
            early=SECRET,
            late=element(0x00280301, "CS", b"YES") + element(0x7FE00010, "OW", b"\1\2"),
        )
        refused = delivery(store, DEIDENTIFY, data=named, destination=destination)
        clean = delivery(
            store, DEIDENTIFY, data=data_set(sop_instance_uid=b"1.2.3.78", early=SECRET), destination=destination
        )
        unknown = delivery(store, destination=destination)
        RuleVersion.objects.filter(deliveries=unknown).update(definition={"actions": [{"action": "shred"}]})
        assert drive(destination.pk) == 2
    for made in (plain, refused, clean, unknown):
        made.refresh_from_db()
    assert [plain.state, clean.state] == [DeliveryState.DELIVERED] * 2
    assert [refused.state, unknown.state] == [DeliveryState.DEAD] * 2
    assert "Burned In Annotation is YES" in refused.last_error
    assert "actions of its rule cannot be read" in unknown.last_error
    assert len(storing.received) == 2
    assert storing.received[plain.instance.sop_instance_uid] == data_set_bytes(path_of(plain.instance))
    (other,) = set(storing.received) - {plain.instance.sop_instance_uid}
    assert other.startswith("2.25.")
    assert b"Larry" not in storing.received[other]
    assert read_dataset(BytesIO(storing.received[other]), False, True).PatientIdentityRemoved == "YES"


def test_a_file_that_is_gone_is_tried_again(store: Store) -> None:
    made = delivery(store, SET)
    path_of(made.instance).unlink()
    with outgoing([made]) as batch:
        (failed,) = batch.failed
    assert not batch.ready
    assert not failed.is_permanent
    assert "No such file" in failed.error


def test_no_folder_no_copies(store: Store, home: Environment) -> None:
    (home.home / "outgoing").write_text("in the way")
    plain, changed = delivery(store), delivery(store, SET)
    with outgoing([plain, changed]) as batch:
        assert list(batch.ready.values()) == [plain]
        assert [(failed.delivery, failed.is_permanent) for failed in batch.failed] == [(changed, False)]


def test_copies_that_would_fill_the_disk_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing_module, "MAXIMUM_COPIES_BYTES", 1)
    deliveries = [delivery(store, SET), delivery(store, SET), delivery(store)]
    with outgoing(deliveries) as batch:
        assert set(batch.ready.values()) == {deliveries[0], deliveries[2]}
        assert batch.failed == []


def test_the_sweep_takes_what_lost_workers_left_and_no_more(home: Environment) -> None:
    left, used = home.home / "outgoing" / "batch-left", home.home / "outgoing" / "batch-used"
    for folder in (left, used):
        folder.mkdir(parents=True)
        (folder / "x.dcm").write_bytes(b"patient")
    descriptor = os.open(used, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        sweep_changed_copies()
        assert not left.exists()
        assert used.exists()
    finally:
        os.close(descriptor)
    assert remove_leftovers() == 1


def test_rule_versions_are_read_once_for_a_batch(
    store: Store, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made = [delivery(store, SET), delivery(store)]
    fresh = list(Delivery.objects.filter(pk__in=[row.pk for row in made]).select_related("instance"))
    with django_assert_num_queries(1), outgoing(fresh) as batch:
        assert len(batch.ready) == 2
