"""Remove packs that nobody relies on: what lost workers left, what came out damaged, and what was deleted."""

import logging
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from studies.models import Deletion
from tiering.errors import StoreError
from tiering.models import Copy, Move, Pack, PackState
from tiering.models.moves import OPEN
from tiering.packs import remove_pack

logger = logging.getLogger(__name__)
ABANDONED_AFTER = timedelta(days=1)
LATELY = timedelta(days=30)
BATCH = 500


def sweep_packs() -> int:
    """Give up what is of no use, and remove objects and rows; returns how many.

    A location that cannot be used now is passed over until the next sweep.
    """
    _give_up_abandoned()
    _give_up_deleted()
    removed, unreachable = 0, set()
    for pack in Pack.objects.filter(state=PackState.REMOVING).select_related("location").order_by("pk")[:BATCH]:
        if pack.location_id in unreachable:
            continue
        try:
            remove_pack(pack)
        except StoreError as error:
            unreachable.add(pack.location_id)
            logger.warning("packs not removed yet", extra={"location": pack.location_id, "reason": str(error)})
        else:
            removed += 1
    return removed


def _give_up_abandoned() -> None:
    """What has been being written for a day, and nobody is at any more."""
    moving = Move.objects.filter(study=OuterRef("study"), state__in=OPEN)
    old = Pack.objects.filter(state=PackState.WRITING, created_at__lt=timezone.now() - ABANDONED_AFTER)
    old.filter(~Exists(moving)).update(state=PackState.REMOVING)


def _give_up_deleted() -> None:
    """What has no instance left, because somebody deleted them.

    Only what a record of deletion names: rows that are gone for another reason, such as an old backup of the database,
    are no reason to remove the last copy of anything.
    """
    known = (PackState.VERIFIED, PackState.DAMAGED)
    empty = Pack.objects.filter(~Exists(Copy.objects.filter(pack=OuterRef("pk"))), state__in=known)
    lately = Deletion.objects.filter(requested_at__gt=timezone.now() - LATELY).values("study_instance_uid")
    # Two queries that each have an index, for one condition that had none.
    of_studies = [empty.filter(study=None), empty.filter(study__study_instance_uid__in=lately)]
    for pack in [pack for packs in of_studies for pack in packs.order_by("pk").iterator()]:
        study_uid, series_uid, *_ = pack.key.split("/")
        deletions = Deletion.objects.filter(study_instance_uid=study_uid, series_instance_uid__in=["", series_uid])
        if deletions.filter(requested_at__gte=pack.created_at).exists():
            empty.filter(pk=pack.pk).update(state=PackState.REMOVING)
            logger.info("pack of what was deleted", extra={"pack": pack.pk})
