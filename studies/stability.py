"""When is a study complete: after it has been quiet for a while; a late instance opens it again (studies.index)."""

from datetime import timedelta

from django.utils import timezone

from studies.models import Study


def complete_quiet_studies(quiet_seconds: int) -> int:
    """Mark studies to which nothing was added for so long; returns how many."""
    now = timezone.now()
    quiet = Study.objects.filter(completed_at=None, last_received_at__lt=now - timedelta(seconds=quiet_seconds))
    return quiet.update(completed_at=now)
