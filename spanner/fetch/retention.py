"""Fetched studies are copies: when nobody has used one for a while, it is removed, if its source still has all of it.

What was sent here by anybody, in whole or in part, is never removed; nor what was delivered from here, computed on, put
under a label or on another tier, or is needed by anything that holds files where they are (studies.holds).
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from spanner.errors import SourceFailed
from spanner.fetch.listing import Holder, list_instances
from spanner.models import Fetch, FetchState, Source
from studies.deletions.request import delete
from studies.errors import DeletionRefused, NotStored
from studies.holds import held, hold_of
from studies.models import Conflict, Instance, Study, Tier

logger = logging.getLogger(__name__)
LOOK_AGAIN = timedelta(hours=6)  # at a copy that could not be removed
BATCH = 50


def remove_unused() -> int:
    """Remove what is due, some of it; returns how many studies."""
    days = int(settings.GANTRY.fetched_keep_days)
    if not days:
        return 0
    now = timezone.now()
    before = now - timedelta(days=days)
    due = Fetch.objects.filter(state=FetchState.DONE, removed_at=None, finished_at__lt=before)
    due = due.exclude(checked_at__gt=now - LOOK_AGAIN).select_related("source").order_by("finished_at", "pk")
    return sum(_removed(fetch, before) for fetch in due[:BATCH])


def _removed(fetch: Fetch, before: datetime) -> bool:
    """Whether a copy was removed; otherwise it is looked at again later."""
    Fetch.objects.filter(pk=fetch.pk).update(checked_at=timezone.now())
    study = Study.objects.filter(study_instance_uid=fetch.study_instance_uid).first()
    if study is None:
        _close(fetch)
        return False
    if fetch.source is None or not _is_unused_copy(study, before) or not _is_still_at(fetch.source, study):
        return False
    try:
        with transaction.atomic():
            # Once more with the lock that the index takes: whoever sends or reads it meanwhile comes before or after.
            study = Study.objects.select_for_update().get(pk=study.pk)
            if not _is_unused_copy(study, before):
                return False
            delete(study.study_instance_uid, by=f"kept {settings.GANTRY.fetched_keep_days} days, fetched copy")
            _close(fetch)
    except (DeletionRefused, NotStored, Study.DoesNotExist) as error:
        logger.info("a fetched study stays", extra={"fetch": fetch.pk, "reason": type(error).__name__})
        return False
    logger.info("a fetched study was removed", extra={"fetch": fetch.pk, "source": fetch.source.name})
    return True


def _is_unused_copy(study: Study, before: datetime) -> bool:
    """Nobody used it since, all of it came by fetching, and nothing holds it."""
    last_use = max(filter(None, (study.used_at, study.last_received_at)))
    if last_use >= before or study.tier != Tier.HOT or study.labels.exists():
        return False
    instances = Instance.objects.filter(series__study=study)
    if instances.filter(fetched_from="").exists() or instances.exclude(tier=Tier.HOT).exists():
        return False
    pks = list(instances.values_list("pk", flat=True))
    if not pks or held(pks) or Conflict.objects.filter(instance__series__study=study).exists():
        return False
    return not any(set(hold_of(path)(pks)) for path in settings.FETCHED_HOLDS)


def _is_still_at(source: Source, study: Study) -> bool:
    """The source says that it has every instance that is here."""
    try:
        listing = list_instances(Holder(source, None), study.study_instance_uid)
    except SourceFailed as error:
        logger.info("a fetched study stays", extra={"source": source.name, "reason": str(error)})
        return False
    stored = Instance.objects.filter(series__study=study).values_list("sop_instance_uid", flat=True)
    return set(stored) <= listing.series_of.keys()


def _close(fetch: Fetch) -> None:
    same = Fetch.objects.filter(study_instance_uid=fetch.study_instance_uid, state=FetchState.DONE, removed_at=None)
    same.update(removed_at=timezone.now())
