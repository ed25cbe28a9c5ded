"""Celery tasks of tiering: each drains what it finds, so losing or repeating one changes nothing."""

from celery import shared_task
from django.utils import timezone

from tiering.carry_out import work
from tiering.events import moves_due
from tiering.models import Move
from tiering.policies import apply_all

TURN_SECONDS = 30  # after which others get the worker


@shared_task
def carry_out_moves() -> None:
    """Carry out moves that are due, and ring for the rest."""
    if work(seconds=TURN_SECONDS):
        moves_due.send(Move)


@shared_task
def apply_policies() -> None:
    """Ask for the moves that policies want, and ring for them."""
    if apply_all(timezone.now()):
        moves_due.send(Move)
