"""What happens is told to whom wants to know, once for each, and to nobody else."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from gateway.env import Environment
from gateway.nodes.models import EventKind as SystemEventKind
from gateway.nodes.models import SystemEvent
from gateway.nodes.outbox import Outbox
from gateway.nodes.watch import Watch
from gateway.webhooks.change import save
from gateway.webhooks.gather import gather
from gateway.webhooks.models import FeedMark, Webhook, WebhookDelivery, WebhookEvent
from gateway.webhooks.spread import spread
from routing import queue
from routing.ai.correlate import Match
from routing.ai.gate import Judgement
from routing.ai.gate import _record as judged
from routing.ai.models import AIVerdict, AIWorker
from routing.models import Delivery, Destination
from studies.changes.models import ChangeKind
from studies.changes.record import record_changes
from tests.factories import (
    AIResultFactory,
    DeliveryFactory,
    DestinationFactory,
    StudyFactory,
)
from tests.gateway.webhooks.conftest import hook
from tiering.events import study_moved

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, dict[str, Any]]]:
    """Type and data of all messages, the first first."""
    gather()
    spread()
    bodies = [json.loads(body) for body in WebhookDelivery.objects.order_by("pk").values_list("body", flat=True)]
    assert not WebhookEvent.objects.exists()
    return [(body["type"], body["data"]) for body in bodies]


def test_a_study_that_is_complete() -> None:
    record_changes(ChangeKind.COMPLETED, {"1.1": 9})  # before anybody was told
    hook()
    record_changes(ChangeKind.RECEIVED, {"1.2": 3})
    record_changes(ChangeKind.COMPLETED, {"1.2": 3, "1.3": 5})
    record_changes(ChangeKind.DELETED, {"1.2": 3})

    found = [(kind, data["study_instance_uid"], data["number_of_instances"]) for kind, data in told()]

    assert found == [("study.completed", "1.2", 3), ("study.completed", "1.3", 5), ("study.deleted", "1.2", 3)]
    assert told() == told()


def test_each_webhook_is_told_of_what_it_wants() -> None:
    deleted, completed = hook(events=["study.deleted"]), hook(events=["study.completed"])
    hook(is_enabled=False)
    record_changes(ChangeKind.COMPLETED, {"1.2": 3})

    assert len(told()) == 1

    assert not deleted.deliveries.exists()
    delivery = completed.deliveries.get()
    assert (delivery.state, delivery.study_instance_uid, delivery.attempts) == ("pending", "1.2", 0)


def test_what_happened_while_nobody_was_told_is_not_told_later() -> None:
    webhook = hook(is_enabled=False)
    record_changes(ChangeKind.COMPLETED, {"1.2": 3})
    assert told() == []
    assert not FeedMark.objects.exists()

    save(webhook, {"is_enabled": True})
    record_changes(ChangeKind.COMPLETED, {"1.3": 3})
    assert [data["study_instance_uid"] for _, data in told()] == ["1.3"]

    FeedMark.objects.all().delete()  # by one that had looked before it was turned on
    assert len(told()) == 1
    record_changes(ChangeKind.COMPLETED, {"1.4": 3})
    assert [data["study_instance_uid"] for _, data in told()] == ["1.3", "1.4"]


@pytest.mark.parametrize("includes_patient", [False, True])
def test_the_patient_is_named_only_where_the_webhook_says_so(includes_patient: bool) -> None:
    study = StudyFactory.create(patient_name="Huber^Anna", patient_id="P-4711", patient_birth_date="19700102")
    webhook = hook(includes_patient=includes_patient)
    record_changes(ChangeKind.COMPLETED, {study.study_instance_uid: 1})

    ((_, data),) = told()

    assert ("patient" in data, "accession_number" in data) == (includes_patient, includes_patient)
    delivery = webhook.deliveries.get()
    assert delivery.patient_id == ("P-4711" if includes_patient else "")
    if includes_patient:
        assert data["patient"]["patient_name"] == "Huber^Anna"
    else:
        assert all(word not in delivery.body for word in ("Huber", "4711", "19700102"))


def test_deliveries_that_fail_for_good_are_told_once_for_a_study() -> None:
    hook()
    first = DeliveryFactory.create(state="sending", lease_token="t", lease_until=timezone.now())
    others = [
        DeliveryFactory.create(
            state="sending",
            lease_token="t",
            lease_until=timezone.now(),
            destination=first.destination,
            instance__series=first.instance.series,
        )
        for _ in range(2)
    ]
    retried = DeliveryFactory.create(state="sending", lease_token="t", lease_until=timezone.now())

    for delivery in (first, *others):
        queue.finish_failed("t", delivery.pk, status=0xA900, error="0xA900 It does not match", is_permanent=True)
    queue.finish_failed("t", retried.pk, status=0xA700, error="Out of resources", is_permanent=False)

    ((kind, data),) = told()
    assert kind == "delivery.dead"
    assert data == {
        "study_instance_uid": first.instance.series.study.study_instance_uid,
        "destination_id": first.destination_id,
        "destination": first.destination.name,
        "number_of_instances": 3,
        "last_status": 0xA900,
        "last_error": "0xA900 It does not match",
    }


def test_deliveries_that_are_too_old_or_lost_their_worker_too_often() -> None:
    hook()
    old = DeliveryFactory.create(
        state="sending", lease_token="t", lease_until=timezone.now(), queued_at=timezone.now() - timedelta(hours=73)
    )
    queue.give_back("t", error="nobody listens there", at=timezone.now())
    lost = DeliveryFactory.create(
        state="sending", lease_token="u", lease_until=timezone.now() - timedelta(seconds=1), lost_leases=2
    )
    again = DeliveryFactory.create(
        state="sending", lease_token="v", lease_until=timezone.now() - timedelta(seconds=1), lost_leases=1
    )
    assert queue.take_back_expired_leases() == 2

    assert {data["destination_id"] for _, data in told()} == {old.destination_id, lost.destination_id}
    states = dict(Delivery.objects.values_list("pk", "state"))
    assert (states[old.pk], states[lost.pk], states[again.pk]) == ("dead", "dead", "pending")


def test_a_destination_that_does_not_answer_and_answers_again() -> None:
    failing_before, destination, turned_off = (DestinationFactory.create() for _ in range(3))
    Destination.objects.filter(pk=failing_before.pk).update(failures_in_a_row=7)
    hook()

    def fail(times: int) -> None:
        mine = Destination.objects.filter(pk__in=[destination.pk, turned_off.pk])
        mine.update(failures_in_a_row=times, last_error="nobody listens there" if times else "")

    fail(2)
    assert told() == []
    fail(3)
    told()
    fail(4)
    assert [kind for kind, _ in told()] == ["destination.stopped"] * 2
    Destination.objects.filter(pk=turned_off.pk).update(is_enabled=False)
    fail(0)

    kinds = [(kind, data["destination_id"], data["last_error"]) for kind, data in told()][2:]
    assert kinds == [("destination.resumed", destination.pk, "")]


def test_results_of_an_ai_worker() -> None:
    hook()
    result = AIResultFactory.create(verdict=AIVerdict.WAITING)
    worker = AIWorker.objects.get()

    assert judged(result, Judgement(AIVerdict.QUARANTINED, Match(worker, None), "Nobody asked for it."))

    ((kind, data),) = told()
    assert (kind, data["verdict"], data["worker"], data["pool"]) == (
        "ai_result.judged",
        "quarantined",
        worker.name,
        worker.pool.name,
    )
    assert (data["number_of_instances"], data["request_id"]) == (1, None)


def test_a_study_on_another_tier() -> None:
    hook()

    study_moved.send(None, study_instance_uid="1.2", from_tier="cold", to_tier="hot", reason="reading")

    assert told() == [
        ("study.moved", {"study_instance_uid": "1.2", "from_tier": "cold", "to_tier": "hot", "reason": "reading"})
    ]


def test_alerts_of_a_host(home: Environment) -> None:
    hook()
    outbox = Outbox(home.run_dir)
    outbox.note(SystemEventKind.LIGHT_BAD, "Disk", "97 % in use")
    outbox.note(SystemEventKind.STARTED, "web", "")
    outbox.note(SystemEventKind.LIGHT_OK, "Disk", "80 % in use")
    kept = {path.name: path.read_text() for path in (home.run_dir / "events").iterdir()}
    watch = Watch(home)

    watch._carry()
    for name, text in kept.items():  # as if the files could not be removed
        Path(home.run_dir / "events" / name).write_text(text)
    watch._carry()

    assert SystemEvent.objects.count() == 3
    assert [(kind, data["subject"], data["words"]) for kind, data in told()] == [
        ("alert.raised", "Disk", "97 % in use"),
        ("alert.cleared", "Disk", "80 % in use"),
    ]


def test_where_nobody_is_told_nothing_is_written() -> None:
    Webhook.objects.all().delete()
    delivery = DeliveryFactory.create(state="sending", lease_token="t", lease_until=timezone.now())
    queue.finish_failed("t", delivery.pk, status=None, error="no", is_permanent=True)
    study_moved.send(None, study_instance_uid="1.2", from_tier="cold", to_tier="hot", reason="reading")

    assert not WebhookEvent.objects.exists()
