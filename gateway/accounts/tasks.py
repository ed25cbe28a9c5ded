"""Celery tasks of accounts."""

from importlib import import_module
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken


@shared_task
def sweep() -> None:
    """Remove sessions and tokens that have ended."""
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    store.clear_expired()
    OutstandingToken.objects.filter(expires_at__lt=timezone.now()).delete()
