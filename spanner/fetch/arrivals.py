"""Which arrivals were asked for by C-MOVE: those of a study that is being fetched, under the title of its source."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from spanner.models import Fetch, Retrieve, SourceKind
from spanner.models.fetches import OPEN

# An archive may go on sending for a while when nobody waits any more.
AFTERWARDS = timedelta(minutes=15)


def sources_of(sendings: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """Names of the sources that were asked to send these (settings.ASKED_TO_SEND).

    Args:
        sendings: Study Instance UID, and the AE title that sent it.
    """
    is_recent = Q(state__in=OPEN) | Q(finished_at__gt=timezone.now() - AFTERWARDS)
    asked = Fetch.objects.filter(
        is_recent,
        study_instance_uid__in={uid for uid, _ in sendings},
        config__sources__kind=SourceKind.DIMSE,
        config__sources__retrieve=Retrieve.MOVE,
        started_at__isnull=False,
    ).order_by()
    rows = asked.values_list("study_instance_uid", "config__sources__ae_title", "config__sources__name")
    return {(uid, title): name for uid, title, name in rows if (uid, title) in sendings}
