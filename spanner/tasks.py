"""Celery tasks of federated search: each drains what it finds, so losing or repeating one changes nothing."""

from celery import shared_task

from spanner import sweep
from spanner.events import fetches_due
from spanner.fetch.carry_out import work
from spanner.fetch.priors import fetch_priors_of
from spanner.fetch.retention import remove_unused
from spanner.models import Fetch
from spanner.workers import carry_out

TURN_SECONDS = 30  # after which others get the worker


@shared_task
def ask_source(query_id: str, source_pk: int, seconds: float) -> None:
    """Put a question to one source."""
    carry_out(query_id, source_pk, seconds)


@shared_task
def sweep_queries() -> None:
    """Remove what is kept no longer, and end questions whose process was lost."""
    sweep.sweep()


@shared_task
def fetch_studies() -> None:
    """Bring studies that are asked for, and ring for the rest."""
    if work(seconds=TURN_SECONDS):
        fetches_due.send(Fetch)


@shared_task
def fetch_priors(study_pk: int, count: int, rule: str) -> None:
    """Have a patient's earlier studies fetched that only other archives have."""
    fetch_priors_of(study_pk, count, rule=rule)


@shared_task
def remove_fetched() -> None:
    """Remove fetched studies that nobody has used for a while."""
    remove_unused()
