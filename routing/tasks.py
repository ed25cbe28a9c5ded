"""Celery tasks of routing: each drains what it finds, so losing or repeating one changes nothing."""

from celery import shared_task

# Celery looks for tasks in this module alone.
import routing.ai.tasks
import routing.proof.tasks  # noqa: F401
from routing.backtest import run
from routing.backtest.models import BackTest
from routing.deliver import drive
from routing.events import back_tests_due, deliveries_due
from routing.lanes import waiting_lanes
from routing.models import Delivery
from routing.outgoing import remove_leftovers
from routing.plan import plan_all
from routing.queue import pull_in_far_attempts, take_back_expired_leases


@shared_task
def plan() -> None:
    """Ask the rules about new instances."""
    plan_all()


@shared_task
def deliver(destination_pk: int) -> None:
    """Send what is due for one destination."""
    drive(destination_pk)


@shared_task
def sweep_changed_copies() -> None:
    """Remove changed copies that lost workers left."""
    remove_leftovers()


@shared_task
def sweep() -> None:
    """Take back what lost workers held, and wake every lane that has something due."""
    take_back_expired_leases()
    pull_in_far_attempts()
    for destination_pk in waiting_lanes():
        deliveries_due.send(Delivery, destination_pk=destination_pk)


@shared_task
def back_test(pk: int) -> None:
    """Judge a draft on some more of the stored history, and ring for the rest."""
    if run.take_turn(pk):
        back_tests_due.send(BackTest, pk=pk)


@shared_task
def sweep_back_tests() -> None:
    """Go on with back-tests whose worker was lost."""
    for pk in run.sweep():
        back_tests_due.send(BackTest, pk=pk)
