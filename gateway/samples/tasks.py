"""The Celery task of test studies: it drains what it finds, so losing or repeating it changes nothing."""

from celery import shared_task

from gateway.samples.send import send_what_waits


@shared_task
def send_samples() -> None:
    """Send the test studies that wait."""
    send_what_waits()
