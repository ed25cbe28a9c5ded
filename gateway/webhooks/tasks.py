"""Celery tasks of webhooks: each drains what it finds, so losing or repeating one changes nothing."""

from celery import shared_task

from gateway.webhooks.events import webhooks_due
from gateway.webhooks.forget import forget_old
from gateway.webhooks.gather import gather
from gateway.webhooks.models import Webhook
from gateway.webhooks.send import drive, give_up_old, waiting_webhooks
from gateway.webhooks.spread import spread

TURN_SECONDS = 20  # after which others get the thread


@shared_task
def tell_webhooks() -> None:
    """Find what happened, make messages of it, and have them sent."""
    gather()
    spread()
    for pk in waiting_webhooks():
        webhooks_due.send(Webhook, pk=pk)


@shared_task
def send_messages(webhook_pk: int) -> None:
    """Send what is due for one webhook."""
    drive(webhook_pk, TURN_SECONDS)


@shared_task
def tidy_webhooks() -> None:
    """Give up what is too old, and remove what is kept no longer."""
    give_up_old()
    forget_old()
