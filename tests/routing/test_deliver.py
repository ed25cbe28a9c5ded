"""Driving a lane against real peers: each instance arrives as it is, and one that cannot stops no other."""

import socket
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from dicomnet.scu.store import Outgoing
from routing import outgoing as outgoing_module
from routing import queue, record
from routing.deliver import drive
from routing.destinations import peer_of
from routing.lanes import record_success, waiting_lanes
from routing.models import Delivery, DeliveryState, Destination
from routing.outgoing import outgoing_of
from routing.tasks import sweep
from routing.transports import dimse
from routing.transports.outcome import is_permanent
from studies.models import Instance
from studies.storage import hot_storage
from tests.corpus import data_set_bytes
from tests.factories import DeliveryFactory, DestinationFactory, version_of_a_new_rule
from tests.peers import (
    accept_association,
    command_set,
    dcmtk_storescp,
    p_data,
    read_message,
    refused_port,
    silent_port,
    storing_peer,
    tcp_peer,
)
from tests.routing.conftest import Store

pytestmark = pytest.mark.django_db(transaction=True)
PENDING, DELIVERED, DEAD = DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD


@pytest.fixture(autouse=True)
def _quiet(rung: list[int]) -> None:
    """Nobody else drives the lanes."""


def destination_at(port: int, **columns: Any) -> Destination:
    return DestinationFactory.create(ae_title="PEER", port=port, timeout_seconds=2, **columns)


def due(store: Store, destination: Destination, count: int, **columns: Any) -> list[Instance]:
    """So many stored instances with a delivery each."""
    version = version_of_a_new_rule()
    instances = [store(**columns) for _ in range(count)]
    for instance in instances:
        DeliveryFactory.create(instance=instance, destination=destination, rule_version=version)
    return instances


def states(destination: Destination) -> list[str]:
    return list(Delivery.objects.filter(destination=destination).order_by("pk").values_list("state", flat=True))


def of(instance: Instance) -> Delivery:
    return Delivery.objects.get(instance=instance)


def make_due(destination: Destination) -> None:
    """As if back-off and pause were over."""
    Delivery.objects.filter(destination=destination, state=PENDING).update(next_attempt_at=timezone.now())
    Destination.objects.filter(pk=destination.pk).update(paused_until=None)


def bytes_of(instance: Instance) -> bytes:
    return data_set_bytes(Path(hot_storage().path(instance.location)))


def test_all_are_delivered_once_byte_for_byte(store: Store) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port)
        instances = due(store, destination, 7)
        assert drive(destination.pk) == 7
        assert drive(destination.pk) == 0
    assert storing.received == {instance.sop_instance_uid: bytes_of(instance) for instance in instances}
    assert len(storing.calls) == 7
    assert storing.associations == 1
    assert states(destination) == [DELIVERED] * 7
    row = of(instances[0])
    assert (row.attempts, row.last_status, row.last_error, row.lease_token) == (1, 0, "", "")
    destination.refresh_from_db()
    assert destination.last_success_at is not None
    assert destination.lane_token == ""


@pytest.mark.peers
def test_dcmtk_gets_the_bytes_that_are_stored(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "received"
    folder.mkdir()
    with dcmtk_storescp(folder, "+B") as port:
        destination = destination_at(port)
        instances = due(store, destination, 5)
        assert drive(destination.pk) == 5
    written = {Outgoing.from_file(path).sop_instance_uid: data_set_bytes(path) for path in folder.iterdir()}
    assert written == {instance.sop_instance_uid: bytes_of(instance) for instance in instances}


def test_more_than_a_batch_is_delivered(store: Store) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port, batch_size=3)
        due(store, destination, 8)
        assert drive(destination.pk) == 8
        assert storing.associations == 3


def test_a_peer_that_is_away_is_noted_and_comes_back_by_itself(store: Store, rung: list[int]) -> None:
    port = refused_port()
    destination = destination_at(port)
    instances = due(store, destination, 3)
    assert drive(destination.pk) == 0
    assert states(destination) == [PENDING] * 3
    assert "nobody listens there" in of(instances[0]).last_error
    destination.refresh_from_db()
    assert "nobody listens there" in destination.last_error
    assert destination.failures_in_a_row == 1
    assert destination.paused_until is not None
    assert destination.paused_until > timezone.now()
    assert drive(destination.pk) == 0  # it rests, so nothing is tried
    destination.refresh_from_db()
    assert destination.failures_in_a_row == 1
    with storing_peer(port=port) as storing:
        Destination.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
        sweep()
        assert rung[-1] == destination.pk
        assert drive(destination.pk) == 3
        assert len(storing.received) == 3
    healed = Destination.objects.get()
    assert (healed.failures_in_a_row, healed.paused_until, healed.last_error) == (0, None, "")


@pytest.mark.parametrize("status", [0xA700, 0x0110, 0x0213, 0xFE00, 0x1234])
def test_a_refusal_that_may_pass_is_tried_again(store: Store, status: int) -> None:
    with storing_peer(statuses=[status]) as storing:
        destination = destination_at(storing.port)
        refused, stored = due(store, destination, 2)
        assert drive(destination.pk) == 1
        assert (of(refused).state, of(stored).state) == (PENDING, DELIVERED)
        assert of(refused).last_status == status
        assert of(refused).next_attempt_at > timezone.now()
        make_due(destination)
        assert drive(destination.pk) == 1
    assert states(destination) == [DELIVERED] * 2
    assert of(refused).attempts == 2


@pytest.mark.parametrize("status", [0xA900, 0xA9FF, 0x0117, 0x0122, 0x0124])
def test_a_refusal_for_good_ends_the_delivery(store: Store, status: int) -> None:
    with storing_peer(statuses=[status]) as storing:
        destination = destination_at(storing.port)
        refused, stored = due(store, destination, 2)
        drive(destination.pk)
    assert (of(refused).state, of(stored).state) == (DEAD, DELIVERED)
    assert of(refused).last_error.startswith(f"0x{status:04X}")


def test_not_to_be_understood_is_believed_the_second_time(store: Store) -> None:
    with storing_peer(statuses=[0xC000, 0xC210]) as storing:
        destination = destination_at(storing.port)
        (instance,) = due(store, destination, 1)
        Delivery.objects.update(attempts=9)  # tries while the peer was away say nothing about the instance
        drive(destination.pk)
        assert of(instance).state == PENDING
        make_due(destination)
        drive(destination.pk)
    assert of(instance).state == DEAD


@pytest.mark.parametrize(
    ("status", "previous", "permanent"),
    [
        (None, None, True),
        (0xA700, None, False),
        (0xA700, 0xA700, False),
        (0xA900, None, True),
        (0xC000, None, False),
        (0xC000, 0xA700, False),
        (0xC000, 0xC001, True),
        (0x0122, None, True),
        (0xFFFF, 0xFFFF, False),
    ],
)
def test_which_statuses_are_permanent(status: int | None, previous: int | None, permanent: bool) -> None:
    assert is_permanent(status, previous) is permanent


def test_a_class_that_the_peer_does_not_take_ends_its_delivery_only(store: Store) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port)
        private, good = due(store, destination, 1, sop_class_uid="1.2.3.99") + due(store, destination, 1)
        assert drive(destination.pk) == 1
    assert of(private).state == DEAD
    assert "does not accept SOP Class 1.2.3.99" in of(private).last_error
    assert of(good).state == DELIVERED


def test_a_peer_that_takes_none_of_the_classes_ends_them_and_is_not_rested(store: Store) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port)
        (private,) = due(store, destination, 1, sop_class_uid="1.2.3.99")
        drive(destination.pk)
        assert of(private).state == DEAD
        assert "none of its presentation contexts" in of(private).last_error
        due(store, destination, 1)
        assert drive(destination.pk) == 1


def test_a_peer_that_rejects_rests(store: Store) -> None:
    with storing_peer(rejection=(1, 1, 7)) as storing:
        destination = destination_at(storing.port)
        (instance,) = due(store, destination, 1)
        drive(destination.pk)
    assert of(instance).state == PENDING
    assert "called AE title not recognised" in of(instance).last_error
    destination.refresh_from_db()
    assert destination.paused_until is not None


@pytest.mark.parametrize("how", ["abort_at", "close_at"])
def test_a_peer_that_is_lost_in_the_middle_of_one_gets_the_others(store: Store, how: str) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port)
        instances = due(store, destination, 5)
        bad = instances[2]
        setattr(storing, how, bad.sop_instance_uid)
        assert drive(destination.pk) == 4
        assert sorted(storing.received) == sorted(
            instance.sop_instance_uid for instance in instances if instance != bad
        )
    assert states(destination) == [DELIVERED, DELIVERED, PENDING, DELIVERED, DELIVERED]
    row = of(bad)
    assert row.next_attempt_at > timezone.now()
    assert row.last_error
    destination.refresh_from_db()
    assert destination.paused_until is None


def test_a_peer_that_is_lost_with_each_instance_rests_after_three(store: Store) -> None:
    with storing_peer(abort_at=_Anything()) as storing:
        destination = destination_at(storing.port)
        due(store, destination, 6)
        assert drive(destination.pk) == 0
        assert storing.associations == 3
    destination.refresh_from_db()
    assert destination.paused_until is not None
    assert states(destination) == [PENDING] * 6


def test_what_was_under_way_when_the_peer_was_lost_waits_and_the_bad_one_takes_no_other_with_it_again(
    store: Store,
) -> None:
    associations: list[list[bytes]] = []
    stored: list[bytes] = []
    bad: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        accept_association(connection, window=4)
        seen: list[bytes] = []
        associations.append(seen)
        while True:
            context_id, command = read_message(connection)
            uid, message_id = command[0x1000].rstrip(b"\0"), command[0x0110]
            seen.append(uid)
            if len(associations) == 1 and len(seen) < 4:
                continue  # so that four are under way
            if uid in bad:
                return
            stored.append(uid)
            elements = {0x0100: b"\x01\x80", 0x0120: message_id, 0x0800: b"\x01\x01", 0x0900: b"\0\0"}
            connection.sendall(p_data((context_id, 3, command_set(elements))))

    with tcp_peer(serve) as port:
        destination = destination_at(port)
        instances = due(store, destination, 4)
        bad.append(instances[3].sop_instance_uid.encode())
        assert drive(destination.pk) == 0
        assert len(associations[0]) == 4
        assert states(destination) == [PENDING] * 4
        assert all(of(instance).last_error for instance in instances)
        make_due(destination)
        assert drive(destination.pk) == 3
    assert sorted(stored) == sorted(instance.sop_instance_uid.encode() for instance in instances[:3])
    assert states(destination) == [DELIVERED] * 3 + [PENDING]


class _Anything(str):
    """Equal to every SOP Instance UID."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


@pytest.mark.parametrize("damage", ["missing", "shorter"])
def test_a_file_that_is_damaged_stops_no_other(store: Store, damage: str) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port)
        bad, *others = due(store, destination, 3)
        path = Path(hot_storage().path(bad.location))
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-10])
        assert drive(destination.pk) == 2
        assert len(storing.calls) == 2
    assert of(bad).state == PENDING
    assert "stored file cannot be read" in of(bad).last_error
    assert "None" not in of(bad).last_error
    assert [of(other).state for other in others] == [DELIVERED] * 2
    destination.refresh_from_db()
    assert destination.failures_in_a_row == 0


def test_what_breaks_the_sender_each_time_is_set_aside(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port)
        good, bad = due(store, destination, 2)
        real = outgoing_of

        def outgoing(delivery: Delivery) -> Outgoing:
            if delivery.instance_id == bad.pk:
                raise RuntimeError("a defect")
            return real(delivery)

        monkeypatch.setattr(outgoing_module, "outgoing_of", outgoing)
        for _ in range(5):
            try:
                drive(destination.pk)
            except RuntimeError:
                Delivery.objects.filter(state=DeliveryState.SENDING).update(lease_until=timezone.now())
                queue.take_back_expired_leases()
    assert of(good).state == DELIVERED
    assert of(bad).state == DEAD
    assert "lost 3 times" in of(bad).last_error


def test_a_destination_that_is_turned_off_in_the_middle_stops(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port, batch_size=1)
        due(store, destination, 3)

        def turn_off(found: Destination) -> None:
            record_success(found)
            Destination.objects.filter(pk=found.pk).update(is_enabled=False)

        monkeypatch.setattr(record, "record_success", turn_off)
        assert drive(destination.pk) == 1
        assert drive(destination.pk) == 0
    assert states(destination) == [DELIVERED, PENDING, PENDING]


def test_a_driver_whose_lane_was_taken_claims_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port, batch_size=1)
        due(store, destination, 3)

        def take(found: Destination) -> None:
            record_success(found)
            Destination.objects.filter(pk=found.pk).update(lane_token="another")

        monkeypatch.setattr(record, "record_success", take)
        assert drive(destination.pk) == 1
    assert states(destination) == [DELIVERED, PENDING, PENDING]


def test_a_dead_destination_does_not_slow_a_healthy_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dimse, "peer_of", lambda found: replace(peer_of(found), acse_timeout_seconds=1.5))
    with silent_port() as silent, storing_peer() as storing:
        dead, healthy = destination_at(silent), destination_at(storing.port)
        due(store, dead, 2)
        due(store, healthy, 5)

        def drive_dead() -> None:
            drive(dead.pk)
            connection.close()

        thread = threading.Thread(target=drive_dead)
        thread.start()
        assert drive(healthy.pk) == 5
        assert thread.is_alive()  # it waits for its peer yet
        thread.join()
    assert states(healthy) == [DELIVERED] * 5
    assert states(dead) == [PENDING] * 2


def test_what_became_due_meanwhile_wakes_the_lane(store: Store, rung: list[int]) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port)
        due(store, destination, 1)
        drive(destination.pk)
        assert rung == []
        assert waiting_lanes() == []


def test_the_ledger_accounts_for_every_instance(store: Store) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port)
        instances = due(store, destination, 12)
        answers = [0xA700, 0xA900, 0xB007, 0x0122]
        storing.status_of = {
            instance.sop_instance_uid: status for instance, status in zip(instances, answers, strict=False)
        }
        storing.abort_at = instances[6].sop_instance_uid
        drive(destination.pk)
    found = states(destination)
    assert (found.count(DELIVERED), found.count(PENDING), found.count(DEAD)) == (8, 2, 2)
    assert len(storing.received) == 8
