"""Celery tasks of routing: each drains what it finds."""

from celery import shared_task


@shared_task
def plan() -> None: ...
@shared_task
def deliver(destination_pk: int) -> None: ...
