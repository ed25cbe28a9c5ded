"""Celery tasks of proof: each drains what it finds, so losing or repeating one changes nothing."""

from celery import shared_task

from routing.events import proofs_due
from routing.models import ProofRequest
from routing.proof.due import plan_requests
from routing.proof.prove import prove
from routing.proof.requests import ask_anew_what_was_not_answered, pull_in_far_requests, waiting_destinations


@shared_task
def prove_destination(destination_pk: int) -> None:
    """Ask one destination whether it keeps what it took."""
    prove(destination_pk)


@shared_task
def sweep_proofs() -> None:
    """Find what is to be proven and what was not answered, and wake whoever asks."""
    plan_requests()
    ask_anew_what_was_not_answered()
    pull_in_far_requests()
    for destination_pk in waiting_destinations():
        proofs_due.send(ProofRequest, destination_pk=destination_pk)
