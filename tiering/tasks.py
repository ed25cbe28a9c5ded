"""Celery tasks of tiering: each drains what it finds, so losing or repeating one changes nothing."""

import logging

from celery import shared_task
from django.utils import timezone

from studies.doorbell import ring
from tiering import orphans
from tiering.carry_out import work
from tiering.errors import StoreError
from tiering.events import moves_due
from tiering.lay_down import lay_down_due
from tiering.let_go import let_go as let_recalled_go
from tiering.models import Move
from tiering.policies import apply_all
from tiering.samples import take_samples
from tiering.scrub import scrub as read_again

logger = logging.getLogger(__name__)
TURN_SECONDS = 30  # after which others get the worker
SCRUB_SECONDS = 20


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


@shared_task
def let_go() -> None:
    """Ask that what was brought back and is not read any more goes again, and ring for it."""
    if let_recalled_go(timezone.now()):
        moves_due.send(Move)


@shared_task
def scrub() -> None:
    """Read files and packs again that are due, and ring for the rest."""
    try:
        if read_again(seconds=SCRUB_SECONDS):
            ring(scrub)
    except StoreError as error:
        logger.error("nothing is read again", extra={"reason": str(error)})


@shared_task
def lay_down_packs() -> None:
    """Have packs go to cold storage that are to be there, and ring for the rest."""
    if lay_down_due(seconds=TURN_SECONDS):
        ring(lay_down_packs)


@shared_task
def sweep_packs() -> None:
    """Remove packs that nobody relies on."""
    orphans.sweep_packs()


@shared_task
def sample_tiers() -> None:
    """Note for the day what lies where and what it costs."""
    take_samples(timezone.now())
