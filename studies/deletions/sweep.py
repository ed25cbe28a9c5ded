"""Remove the files of what was deleted; may be broken off and repeated at any place."""

from django.utils import timezone

from studies.deletions.models import DeletedFile, Deletion
from studies.metadata import forget
from studies.storage import hot_storage

BATCH = 500


def remove_deleted_files() -> int:
    """Remove what waits; returns how many files.

    Raises:
        OSError: the disk gives an error; what is left is tried again.
    """
    removed = 0
    for deletion in Deletion.objects.filter(done_at=None).order_by("pk"):
        forget(deletion.series_pks)
        while batch := list(deletion.files.values_list("pk", "location")[:BATCH]):
            for _, location in batch:
                hot_storage().delete(location)
            DeletedFile.objects.filter(pk__in=[pk for pk, _ in batch]).delete()
            removed += len(batch)
        Deletion.objects.filter(pk=deletion.pk).update(done_at=timezone.now())
    return removed
