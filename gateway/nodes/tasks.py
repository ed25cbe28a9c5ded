"""The Celery task of this app."""

from celery import shared_task

from gateway.nodes.clear import clear


@shared_task
def clear_old() -> None:
    """Remove what is kept no longer."""
    clear()
