"""Messages on their way: tried again, given up, each webhook by itself, and none lost with its worker."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from gateway.audit.models import AuditRecord
from gateway.env import BASE_DIR
from gateway.webhooks import send
from gateway.webhooks.change import retry
from gateway.webhooks.forget import forget_old
from gateway.webhooks.models import Webhook, WebhookDelivery
from gateway.webhooks.send import drive, give_up_old, waiting_webhooks
from tests.factories import WebhookDeliveryFactory, WebhookFactory
from tests.http_peer import HttpPeer, Reply, Request

pytestmark = pytest.mark.django_db
Receiver = Callable[..., HttpPeer]
TURN = 60.0


def test_all_that_is_due_is_sent(receiver: Receiver) -> None:
    peer = receiver()
    webhook = WebhookFactory.create(url=peer.url)
    first, second = (WebhookDeliveryFactory.create(webhook=webhook) for _ in range(2))
    later = WebhookDeliveryFactory.create(webhook=webhook, next_attempt_at=timezone.now() + timedelta(minutes=5))
    assert waiting_webhooks() == [webhook.pk]

    drive(webhook.pk, TURN)

    assert [request.headers["webhook-id"] for request in peer.requests] == [first.message_id, second.message_id]
    assert states(first, second, later) == ["delivered", "delivered", "pending"]
    webhook.refresh_from_db()
    assert (webhook.failures_in_a_row, webhook.lane_token, webhook.lane_until) == (0, "", None)
    assert webhook.last_success_at is not None
    assert waiting_webhooks() == []


def test_a_failure_is_tried_again_later_and_leaves_the_webhook_alone(receiver: Receiver) -> None:
    peer = receiver(lambda _: Reply(503, headers={"Retry-After": "120"}))
    webhook = WebhookFactory.create(url=peer.url)
    first, second = (WebhookDeliveryFactory.create(webhook=webhook) for _ in range(2))
    now = timezone.now()

    drive(webhook.pk, TURN)
    drive(webhook.pk, TURN)

    assert len(peer.requests) == 1
    first.refresh_from_db()
    webhook.refresh_from_db()
    assert (first.state, first.attempts, first.last_status) == ("pending", 1, 503)
    assert first.next_attempt_at >= now + timedelta(seconds=120)
    assert webhook.paused_until is not None
    assert webhook.paused_until >= now + timedelta(seconds=120)
    assert (webhook.failures_in_a_row, webhook.last_error) == (1, "HTTP 503 Service Unavailable")
    assert waiting_webhooks() == []
    assert states(second) == ["pending"]


def test_a_message_that_is_refused_holds_up_no_other(receiver: Receiver) -> None:
    statuses = iter([422, 200])
    peer = receiver(lambda _: Reply(next(statuses)))
    webhook = WebhookFactory.create(url=peer.url)
    first, second = (WebhookDeliveryFactory.create(webhook=webhook) for _ in range(2))

    drive(webhook.pk, TURN)

    assert sorted(states(first, second)) == ["delivered", "pending"]
    assert len(peer.requests) == 2


def test_after_a_day_it_has_failed(receiver: Receiver) -> None:
    peer = receiver(lambda _: Reply(500))
    webhook = WebhookFactory.create(url=peer.url)
    long_ago = timezone.now() - timedelta(hours=25)
    tried = WebhookDeliveryFactory.create(webhook=webhook, queued_at=long_ago)
    untried = WebhookDeliveryFactory.create(webhook__is_enabled=False, queued_at=long_ago)

    drive(webhook.pk, TURN)

    assert states(tried, untried) == ["dead", "pending"]
    assert give_up_old() == 1
    untried.refresh_from_db()
    assert (untried.state, "not sent within 24 hours" in untried.last_error) == ("dead", True)


def test_back_off_doubles_to_an_hour() -> None:
    seconds = [send.back_off(attempts).total_seconds() for attempts in range(1, 40)]

    assert 4 <= seconds[0] <= 6
    assert 8 <= seconds[1] <= 12
    assert all(3600 * 0.8 <= each <= 3600 * 1.2 for each in seconds[12:])
    assert len({send.back_off(20) for _ in range(5)}) > 1


def test_gone_turns_the_webhook_off(receiver: Receiver) -> None:
    peer = receiver(lambda _: Reply(410))
    webhook = WebhookFactory.create(url=peer.url)
    delivery = WebhookDeliveryFactory.create(webhook=webhook)
    WebhookDeliveryFactory.create(webhook=webhook)

    drive(webhook.pk, TURN)

    webhook.refresh_from_db()
    assert (webhook.is_enabled, "no more messages" in webhook.last_error) == (False, True)
    assert states(delivery) == ["dead"]
    assert len(peer.requests) == 1
    assert AuditRecord.objects.filter(action="changed", subject=f"webhook {webhook.pk}: {webhook}").exists()


def test_who_sends_a_patient_is_on_record(receiver: Receiver) -> None:
    webhook = WebhookFactory.create(url=receiver().url)
    WebhookDeliveryFactory.create(webhook=webhook, patient_id="P-1", study_instance_uid="1.2")
    WebhookDeliveryFactory.create(webhook=webhook)

    drive(webhook.pk, TURN)

    (record,) = AuditRecord.objects.filter(action="sent")
    assert (record.patient_id, record.study_instance_uid, record.subject) == ("P-1", "1.2", f"to webhook {webhook}")


def test_what_has_failed_is_tried_again_by_hand(receiver: Receiver) -> None:
    peer = receiver()
    webhook = WebhookFactory.create(url=peer.url, paused_until=timezone.now() + timedelta(minutes=4))
    long_ago = timezone.now() - timedelta(days=3)
    dead = WebhookDeliveryFactory.create(webhook=webhook, state="dead", attempts=19, queued_at=long_ago)
    done = WebhookDeliveryFactory.create(webhook=webhook, state="delivered")
    others = WebhookDeliveryFactory.create(state="dead")

    assert retry(webhook, WebhookDelivery.objects.all()) == 1

    drive(webhook.pk, TURN)
    assert states(dead, done, others) == ["delivered", "delivered", "dead"]
    assert [request.headers["webhook-id"] for request in peer.requests] == [dead.message_id]


def test_old_messages_are_removed() -> None:
    old = timezone.now() - timedelta(days=31)
    for state in ("delivered", "dead", "pending"):
        WebhookDeliveryFactory.create(state=state, created_at=old)
        WebhookDeliveryFactory.create(state=state)

    assert forget_old() == 2

    assert sorted(WebhookDelivery.objects.values_list("state", flat=True)) == [
        *("dead", "delivered", "pending", "pending")
    ]


@pytest.mark.django_db(transaction=True)
def test_a_slow_receiver_costs_the_others_nothing_and_is_called_by_one_worker(receiver: Receiver) -> None:
    is_called, may_answer = threading.Event(), threading.Event()

    def slow(request: Request) -> Reply:
        is_called.set()
        may_answer.wait(8)
        return Reply(200)

    slow_peer, quick_peer = receiver(slow), receiver()
    slow_one, quick_one = (WebhookFactory.create(url=peer.url) for peer in (slow_peer, quick_peer))
    held = WebhookDeliveryFactory.create(webhook=slow_one)
    WebhookDeliveryFactory.create(webhook=slow_one)
    quick = WebhookDeliveryFactory.create(webhook=quick_one)
    thread = threading.Thread(target=in_thread, args=(slow_one.pk,))
    thread.start()
    assert is_called.wait(60)

    drive(slow_one.pk, TURN)  # another worker
    assert waiting_webhooks() == [quick_one.pk]
    drive(quick_one.pk, TURN)

    assert states(held, quick) == ["pending", "delivered"]
    assert len(slow_peer.requests) == 1
    may_answer.set()
    thread.join(60)
    assert states(held) == ["delivered"]


def in_thread(pk: int) -> None:
    try:
        drive(pk, TURN)
    finally:
        connection.close()


WORKER = "import django; django.setup(); from gateway.webhooks.send import drive; drive({pk}, 60)"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_loses_nothing(receiver: Receiver, child_environment: dict[str, str]) -> None:
    """The receiver has the message, its worker is gone: it comes once more, under the same name."""
    is_called, may_answer = threading.Event(), threading.Event()

    def held(request: Request) -> Reply:
        is_called.set()
        may_answer.wait(60)
        return Reply(200)

    peer = receiver(held)
    webhook = WebhookFactory.create(url=peer.url)
    first, second = (WebhookDeliveryFactory.create(webhook=webhook) for _ in range(2))
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(pk=webhook.pk)], cwd=BASE_DIR, env=os.environ | child_environment
    )
    try:
        assert is_called.wait(60)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(60)
    may_answer.set()
    drive(webhook.pk, TURN)
    assert states(first, second) == ["pending", "pending"]

    # As when the leases have ended.
    past = timezone.now() - timedelta(seconds=1)
    Webhook.objects.update(lane_until=past)
    WebhookDelivery.objects.update(next_attempt_at=past)
    drive(webhook.pk, TURN)

    assert states(first, second) == ["delivered", "delivered"]
    ids = [request.headers["webhook-id"] for request in peer.requests]
    assert ids == [first.message_id, first.message_id, second.message_id] or sorted(ids) == sorted(
        [first.message_id, first.message_id, second.message_id]
    )


def states(*deliveries: WebhookDelivery) -> list[str]:
    found = dict(WebhookDelivery.objects.values_list("pk", "state"))
    return [found[delivery.pk] for delivery in deliveries]
