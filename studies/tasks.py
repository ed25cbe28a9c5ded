"""Celery tasks of the archive: each drains what it finds, so losing or repeating one changes nothing."""

from celery import shared_task
from django.conf import settings

from studies.commitments.report import report_to, tell_due
from studies.commitments.verify import verify_due
from studies.deletions.sweep import remove_deleted_files
from studies.dimse import local_spool
from studies.doorbell import PAUSE_SECONDS, ring
from studies.events import studies_completed
from studies.index import index_spool as index_all
from studies.metadata_ahead import prepare_recent
from studies.models import Study
from studies.stability import complete_quiet

# Longer than the pause of the listener's bell, so that a stream of instances finds the indexer at work.
LINGER_SECONDS = 2 * PAUSE_SECONDS


@shared_task
def index_spool() -> None:
    """Index what waits in the spool; after some seconds others get the worker, and this is said again."""
    if index_all(local_spool(), linger_seconds=LINGER_SECONDS):
        ring(index_spool)


@shared_task
def complete_studies() -> None:
    """Mark series and studies that have been quiet long enough; the rules of complete ones are asked."""
    seen_until = local_spool().oldest_waiting_at()
    if complete_quiet(settings.GANTRY.stable_seconds, seen_until=seen_until):
        studies_completed.send(Study)


@shared_task
def verify_commitments() -> None:
    """Read back what devices want proof of; what is not indexed yet is looked at again in a second."""
    if verify_due(local_spool()):
        ring(verify_commitments, after_seconds=1)


@shared_task
def report_commitments(calling_ae_title: str) -> None:
    """Tell one device the verdicts that it waits for."""
    report_to(calling_ae_title)


@shared_task
def sweep_commitments() -> None:
    """Find verifications and reports that no bell told of."""
    if tell_due():
        ring(verify_commitments)


@shared_task
def prepare_metadata() -> None:
    """Read what DICOMweb clients will ask about series that have become complete, before they ask."""
    if prepare_recent():
        ring(prepare_metadata)


@shared_task
def remove_files() -> None:
    """Remove the files of what was deleted."""
    remove_deleted_files()
