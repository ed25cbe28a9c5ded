"""Celery tasks of federated search: numbers in, answers into rows."""

from celery import shared_task

from spanner import sweep
from spanner.workers import carry_out


@shared_task
def ask_source(query_id: str, source_pk: int, seconds: float) -> None:
    """Put a question to one source."""
    carry_out(query_id, source_pk, seconds)


@shared_task
def sweep_queries() -> None:
    """Remove what is kept no longer, and end questions whose process was lost."""
    sweep.sweep()
