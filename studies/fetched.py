"""Instances that Gantry fetched from another archive: copies, which no rule takes for new (docs/federation.md).

What comes over an association or a connection that Gantry opened says so in its receipt. What an archive sends by
itself because Gantry asked it to (C-MOVE) comes in like everything else: whoever asked knows it.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from studies.arrival import Arrival
from studies.models import Instance, Series, Study

logger = logging.getLogger(__name__)
Sending = tuple[str, str]  # Study Instance UID, and the AE title that sent it
SourcesOf = Callable[[Collection[Sending]], Mapping[Sending, str]]


def mark_fetched(arrivals: Sequence[Arrival]) -> None:
    """Note of arrivals that somebody here asked an archive to send them, and which."""
    unsaid = [arrival for arrival in arrivals if not arrival.receipt["fetched_from"]]
    sources = _sources_of()({_sending(arrival) for arrival in unsaid}) if unsaid else {}
    for arrival in unsaid if sources else ():
        arrival.receipt["fetched_from"] = sources.get(_sending(arrival), "")


def was_sent(instance: Instance, arrival: Arrival) -> None:
    """What was fetched is now sent here too: it is no mere copy any more, and the rules are asked about it as new."""
    names = ("fetched_from", "calling_ae_title", "called_ae_title", "source_address", "received_at")
    with transaction.atomic():
        study = Study.objects.select_for_update().filter(series=instance.series_id).first()
        if study is None:
            return  # it was deleted meanwhile
        received_at = max(study.last_received_at, arrival.receipt["received_at"])
        again = {"last_received_at": received_at, "completed_at": None, "decided_at": None}
        Study.objects.filter(pk=study.pk).update(**again)
        Series.objects.filter(pk=instance.series_id).update(**again)
        Instance.objects.filter(pk=instance.pk).update(
            planned_at=None, indexed_at=timezone.now(), **{name: arrival.receipt[name] for name in names}
        )
    logger.info("what was fetched was sent, too", extra={"instance": instance.pk})


def _sending(arrival: Arrival) -> Sending:
    return str(arrival.study["study_instance_uid"]), str(arrival.receipt["calling_ae_title"])


@cache
def _sources_of() -> SourcesOf:
    found: SourcesOf = import_string(settings.ASKED_TO_SEND)
    return found
