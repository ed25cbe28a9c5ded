"""Celery tasks of the audit trail: each drains what it finds, so losing or repeating one changes nothing."""

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from gateway.audit import anchors, journal, verdict
from gateway.audit.actor import OURSELVES
from gateway.audit.archive import NotArchived, archive
from gateway.audit.syslog.tell import tell

logger = logging.getLogger(__name__)


@shared_task
def take_in_journal() -> None:
    """Take what was looked at and searched into a chain."""
    journal.take_in()


@shared_task
def anchor_heads() -> None:
    """Write the heads of the chains to their file."""
    anchors.anchor()


@shared_task
def tell_syslog() -> None:
    """Tell the syslog receiver of what it does not know yet."""
    tell()


@shared_task
def archive_old() -> None:
    """Archive what is older than it has to stay in the database, once an hour; off by default."""
    keep_days = settings.GANTRY.audit_keep_days
    if not keep_days:
        return
    try:
        for _ in archive(timezone.now() - timedelta(days=keep_days)):
            pass
    except (NotArchived, OSError, DatabaseError) as error:
        logger.error("the audit trail was not archived", extra={"error": str(error)})


@shared_task
def verify_audit() -> None:
    """Verify every record, once a day."""
    found = verdict.verify_all(by=OURSELVES)
    if found.faults:
        logger.error("the audit trail is not what was written", extra={"count": found.faults})
