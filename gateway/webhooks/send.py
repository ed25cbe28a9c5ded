"""Send the messages of a webhook: one worker at a time; one that does not answer is left alone for a while.

A message counts as tried before it leaves, with the moment at which it is due again: a worker that is lost in the
middle of it loses nothing, and the message comes once more.
"""

import logging
import random
import secrets
import time
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from dicomnet.audit import Action, Entry, record
from gateway.webhooks.call import Outcome, call
from gateway.webhooks.metrics import ATTEMPTS
from gateway.webhooks.models import ERROR_LENGTH, DeliveryState, Webhook, WebhookDelivery

logger = logging.getLogger(__name__)
LANE = timedelta(minutes=2)  # longer than a call with the look for its name
DRIVEN_AT_ONCE = 8  # webhooks that do not answer hold no more threads than this
FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 5, 3_600
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 300
GIVE_UP_AFTER = timedelta(hours=24)


def waiting_webhooks() -> list[int]:
    """Webhooks that nobody drives and that have something due, the one that waits longest first."""
    now = timezone.now()
    due = WebhookDelivery.objects.filter(_is_due(), webhook=OuterRef("pk"), state=DeliveryState.PENDING)
    driven = Webhook.objects.filter(lane_until__gt=now).count()
    waiting = _drivable().filter(Exists(due)).order_by(F("last_failure_at").asc(nulls_first=True), "pk")
    return list(waiting.values_list("pk", flat=True)[: max(DRIVEN_AT_ONCE - driven, 0)])


def drive(webhook_pk: int, seconds: float) -> None:
    """Send what is due for so long; nothing while another worker does, or the webhook is off or left alone."""
    token = secrets.token_hex(16)
    mine = Webhook.objects.filter(pk=webhook_pk, lane_token=token)
    if not _drivable().filter(pk=webhook_pk).update(lane_token=token, lane_until=timezone.now() + LANE):
        return
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            if not mine.filter(is_enabled=True).update(lane_until=timezone.now() + LANE):
                return
            webhook = Webhook.objects.get(pk=webhook_pk)
            delivery = _claim(webhook)
            if delivery is None or not _attempt(webhook, delivery):
                return
    finally:
        mine.update(lane_token="", lane_until=None)


def give_up_old() -> int:
    """What could not be delivered for a day has failed, also where the webhook is off; returns how many."""
    now = timezone.now()
    under_way = Q(last_attempt_at__gt=now - LANE)
    old = WebhookDelivery.objects.filter(state=DeliveryState.PENDING, queued_at__lt=now - GIVE_UP_AFTER)
    untried = "It was not sent within 24 hours: the webhook was off, or failed with what came before."
    old.filter(last_error="").exclude(under_way).update(last_error=untried)
    count = old.exclude(under_way).update(state=DeliveryState.DEAD)
    ATTEMPTS.labels("dead").inc(count)
    return count


def back_off(attempts: int) -> timedelta:
    """Doubling from 5 s to an hour, with jitter so that what failed together does not come back together."""
    return _jittered(min(FIRST_BACK_OFF_SECONDS * 2 ** min(attempts - 1, 16), LONGEST_BACK_OFF_SECONDS))


def _claim(webhook: Webhook) -> WebhookDelivery | None:
    """The message whose turn it is."""
    now = timezone.now()
    due = WebhookDelivery.objects.filter(_is_due(), webhook=webhook, state=DeliveryState.PENDING)
    delivery = due.order_by("next_attempt_at", "pk").first()
    if delivery is None:
        return None
    delivery.attempts += 1
    # Whoever drove it before and was only slow finds another number of attempts, and writes nothing.
    same = WebhookDelivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts - 1, state=DeliveryState.PENDING)
    is_ours = same.update(attempts=delivery.attempts, last_attempt_at=now, next_attempt_at=now + LANE)
    return delivery if is_ours else None


def _attempt(webhook: Webhook, delivery: WebhookDelivery) -> bool:
    """Send it and record what came of it; False when the webhook is to be left alone."""
    outcome = call(webhook, delivery.message_id, delivery.body)
    mine = WebhookDelivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts, state=DeliveryState.PENDING)
    if outcome.is_alive:
        _succeed(webhook, delivery, mine, outcome)
    else:
        _fail(webhook, delivery, mine, outcome)
    return outcome.is_alive or outcome.is_about_the_message


def _succeed(webhook: Webhook, delivery: WebhookDelivery, mine: QuerySet[WebhookDelivery], outcome: Outcome) -> None:
    now = timezone.now()
    with transaction.atomic():
        is_ours = mine.update(
            state=DeliveryState.DELIVERED, delivered_at=now, last_status=outcome.status, last_error=""
        )
        if is_ours and delivery.patient_id:
            record(
                Entry(
                    Action.SENT,
                    study_instance_uid=delivery.study_instance_uid,
                    patient_id=delivery.patient_id,
                    subject=f"to webhook {webhook.name}",
                    detail={"event": delivery.event},
                )
            )
        Webhook.objects.filter(pk=webhook.pk).update(
            last_success_at=now, failures_in_a_row=0, paused_until=None, last_error=""
        )
    ATTEMPTS.labels("delivered").inc()


def _fail(webhook: Webhook, delivery: WebhookDelivery, mine: QuerySet[WebhookDelivery], outcome: Outcome) -> None:
    now = timezone.now()
    is_dead = outcome.is_gone or now - delivery.queued_at > GIVE_UP_AFTER
    again_in = max(back_off(delivery.attempts), timedelta(seconds=outcome.asked_seconds))
    words = outcome.words[:ERROR_LENGTH]
    with transaction.atomic():
        mine.update(
            state=DeliveryState.DEAD if is_dead else DeliveryState.PENDING,
            next_attempt_at=now + again_in,
            last_status=outcome.status,
            last_error=words,
        )
        Webhook.objects.filter(pk=webhook.pk).update(
            last_failure_at=now,
            last_error=words,
            failures_in_a_row=F("failures_in_a_row") + 1,
            paused_until=None if outcome.is_about_the_message else now + _pause(webhook, outcome),
        )
        if outcome.is_gone:
            _turn_off(webhook)
    ATTEMPTS.labels("dead" if is_dead else "failed").inc()
    logger.warning(
        "webhook not delivered",
        extra={"webhook": webhook.pk, "delivery": delivery.pk, "status": outcome.status, "attempts": delivery.attempts},
    )


def _turn_off(webhook: Webhook) -> None:
    """The receiver said that it is gone for good."""
    if Webhook.objects.filter(pk=webhook.pk, is_enabled=True).update(is_enabled=False):
        detail = {"values": {"is_enabled": [True, False]}, "reason": "410 Gone"}
        record(Entry(Action.CHANGED, subject=f"webhook {webhook.pk}: {webhook}", detail=detail))


def _pause(webhook: Webhook, outcome: Outcome) -> timedelta:
    earned = FIRST_PAUSE_SECONDS * 2 ** min(webhook.failures_in_a_row, 8)
    asked = min(outcome.asked_seconds, LONGEST_PAUSE_SECONDS)
    return max(_jittered(min(earned, LONGEST_PAUSE_SECONDS)), timedelta(seconds=asked))


def _jittered(seconds: float) -> timedelta:
    return timedelta(seconds=random.uniform(seconds * 0.8, seconds * 1.2))  # noqa: S311 (no secret)


def _is_due() -> Q:
    now = timezone.now()
    # Nothing is put off for longer: what seems so was put off by a clock that ran ahead.
    farthest = now + timedelta(seconds=LONGEST_BACK_OFF_SECONDS * 1.2)
    return Q(next_attempt_at__lte=now) | Q(next_attempt_at__gt=farthest)


def _drivable() -> QuerySet[Webhook]:
    now = timezone.now()
    return Webhook.objects.filter(
        Q(lane_until=None) | Q(lane_until__lt=now) | Q(lane_until__gt=now + 2 * LANE),
        Q(paused_until=None)
        | Q(paused_until__lte=now)
        | Q(paused_until__gt=now + timedelta(seconds=LONGEST_PAUSE_SECONDS * 1.2)),
        is_enabled=True,
    )
