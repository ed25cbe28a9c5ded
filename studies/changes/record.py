"""Write changes so that their numbers are in the order of their commits.

A sequence gives out numbers before they are committed: of two transactions at once, the one with the lower number may
come later, and a reader that was already past it would never see it. So on PostgreSQL a transaction takes one lock
before it takes its numbers and keeps it until it has committed; as it writes its changes last, others wait for no more
than a commit. SQLite has one writer at a time anyway.
"""

from collections.abc import Mapping

from django.db import connection

from studies.changes.models import Change, ChangeKind

_LOCK = 0x67_61_6E_74_72_79  # "gantry": of all locks of this database, the feed's


def record_changes(kind: ChangeKind, counts: Mapping[str, int]) -> None:
    """Write one change for each study, as the last statements of the caller's transaction.

    Args:
        counts: instances by Study Instance UID.
    """
    if not counts:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    Change.objects.bulk_create(
        Change(kind=kind, study_instance_uid=uid, number_of_instances=count) for uid, count in counts.items()
    )
