"""Metadata of series that have become complete, made ready by a child that gives way to everything else."""

import fcntl
import logging
import time
from collections import OrderedDict
from datetime import datetime, timedelta

from django.utils import timezone

from studies.children import Busy
from studies.errors import StudiesError
from studies.metadata import base_metadata, is_ready
from studies.models import Instance, Series, Tier
from studies.pixels import background_workers
from studies.rewriting import cache_folder

logger = logging.getLogger(__name__)
RECENT = timedelta(hours=1)  # older ones are read when somebody asks for them
SECONDS = 5.0
MAXIMUM_SEEN = 10_000
_seen: OrderedDict[tuple[int, datetime | None], None] = OrderedDict()  # made ready by this process, or found so


def prepare_recent(*, seconds: float = SECONDS) -> bool:
    """Make ready what became complete lately, for so long; does nothing while another process of this host does.

    Returns:
        Whether something is left.
    """
    deadline = time.monotonic() + seconds
    with (cache_folder("metadata") / "preparing.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        recent = Series.objects.filter(completed_at__gte=timezone.now() - RECENT).order_by("completed_at")
        for key in recent.values_list("pk", "completed_at"):
            if key in _seen:
                continue
            if time.monotonic() > deadline:
                return True
            _prepare(key[0])
            _seen[key] = None
            if len(_seen) > MAXIMUM_SEEN:
                _seen.popitem(last=False)
    return False


def _prepare(series_pk: int) -> None:
    rows = list(
        Instance.objects.filter(is_primary=True, series=series_pk).select_related("series__study").order_by("pk")
    )
    pks = [row.pk for row in rows]
    # What is away already is not brought back for it.
    if not rows or any(row.tier != Tier.HOT for row in rows) or is_ready(series_pk, pks):
        return
    try:
        base_metadata(series_pk, pks, lambda: rows, background_workers())
    except (StudiesError, Busy) as error:
        # Whoever asks for it learns the same; what is damaged is counted where it was found.
        logger.warning("metadata not made ready", extra={"series": series_pk, "error": type(error).__name__})
