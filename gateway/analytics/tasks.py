"""Celery tasks of the figures: each counts what it finds, so losing or repeating one changes nothing."""

from celery import shared_task
from django.utils import timezone

from gateway.analytics import roll_up as turn


@shared_task
def roll_up() -> None:
    """Count what came in and went out."""
    turn.roll_up(timezone.now())


@shared_task
def tidy() -> None:
    """Count what came late, and remove old counts."""
    turn.tidy(timezone.now())
