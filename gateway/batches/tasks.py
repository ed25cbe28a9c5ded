"""Celery tasks of batches: each drains what it finds, so losing or repeating one changes nothing."""

from celery import shared_task

from gateway.batches.events import batches_due
from gateway.batches.models import Batch
from gateway.batches.prepare import forget_old
from gateway.batches.run import work

TURN_SECONDS = 20  # after which others get the worker


@shared_task
def carry_out_batches() -> None:
    """Do what waits, and ring for the rest."""
    if work(TURN_SECONDS):
        batches_due.send(Batch)


@shared_task
def sweep_batches() -> None:
    """Remove what is kept no longer."""
    forget_old()
