"""Celery tasks of the AI workers, all in the queue ``ai``: each drains what it finds, and may run twice."""

import time

from celery import shared_task

from routing.ai.dispatch import dispatch_all
from routing.ai.gate import judge_waiting
from routing.ai.health import due_probes, probe
from routing.ai.queue import (
    give_up_unwanted,
    is_held_back,
    is_more_due,
    pass_on_overdue,
    pull_in_far_attempts,
    take_back_expired_leases,
)
from routing.ai.requests import tell_due
from studies.doorbell import ring

LOOK_AGAIN_SECONDS = 0.5
_looks_again = {"at": 0.0}  # by the monotonic clock: one look ahead is enough for a process, however many bells ring


@shared_task
def work() -> None:
    """Judge the results that came, and send the requests that wait."""
    judge_waiting()
    dispatch_all()
    _look_again()


@shared_task
def probe_worker(worker_pk: int) -> None:
    """Echo a worker that rests after failures; what waits for it goes on when it answers."""
    if probe(worker_pk):
        tell_due()


@shared_task
def sweep() -> None:
    """Find what lost processes, lost messages and silent workers left."""
    take_back_expired_leases()
    pull_in_far_attempts()
    give_up_unwanted()
    judge_waiting()
    pass_on_overdue()
    for worker_pk in due_probes():
        ring(probe_worker, worker_pk)
    if is_more_due():
        tell_due()


def _look_again() -> None:
    """Ring once more for requests that wait for originals to be on their way: nothing else rings when these are."""
    now = time.monotonic()
    if now >= _looks_again["at"] and is_held_back():
        _looks_again["at"] = now + LOOK_AGAIN_SECONDS
        ring(work, after_seconds=LOOK_AGAIN_SECONDS)
