"""When a study was read last, for whoever decides where it is stored; to within an hour: reading stays reading."""

import logging
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from studies.lately import Lately
from studies.models import Study

logger = logging.getLogger(__name__)
APART = timedelta(hours=1)
noted = Lately(APART.total_seconds())


def note_use(series_pk: int) -> None:
    """Somebody reads an instance of this series."""
    if not noted.is_new(series_pk):
        return
    is_long_ago = Q(used_at=None) | Q(used_at__lt=timezone.now() - APART)
    try:
        Study.objects.filter(is_long_ago, series=series_pk).update(used_at=timezone.now())
    except DatabaseError as error:
        # Whoever reads is not to fail for it: the next ones within the hour are not noted, and that is all.
        logger.info("use not noted", extra={"series": series_pk, "reason": str(error)})
