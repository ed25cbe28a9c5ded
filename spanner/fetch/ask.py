"""Ask for a study to be brought here; who asks for one that is on its way shares it."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from spanner.errors import FetchRefused
from spanner.events import fetches_due
from spanner.models import Fetch, FetchState, Source, SpanningConfig
from spanner.models.fetches import OPEN
from studies.admission import is_uid
from studies.sight import is_seen

READER, BY_HAND, AHEAD = 1, 3, 5  # priorities: somebody waits for it; asked for by hand; a rule wants it at hand


def fetch_study(
    config: SpanningConfig,
    study_uid: str,
    *,
    by: str,
    priority: int = BY_HAND,
    series_uids: Sequence[str] = (),
    sources: Sequence[Source] = (),
) -> Fetch:
    """A fetch that goes on by itself from here; the one that is open, when there is one.

    Args:
        config: the federation whose sources may be asked.
        study_uid: Study Instance UID.
        by: a user, an API key, a rule, or who asked to read.
        priority: lower goes first.
        series_uids: only these of its series; none: all of it.
        sources: only these, in this order; none: all of the federation, the best first.

    Raises:
        FetchRefused: a UID is none, the federation is off, or it is no study that whoever asks may see.
    """
    if not config.is_enabled:
        raise FetchRefused(_("The federation %(name)s is switched off.") % {"name": config.name})
    if not all(is_uid(uid) for uid in (study_uid, *series_uids)):
        raise FetchRefused(_("A Study or Series Instance UID is not valid."))
    if not is_seen(study_uid):
        raise FetchRefused(_("There is no such study among those that you see."))
    try:
        with transaction.atomic():
            found = Fetch.objects.create(
                config=config,
                study_instance_uid=study_uid,
                series_instance_uids=sorted(set(series_uids)),
                sources=[source.pk for source in sources],
                requested_by=by[:150],
                priority=priority,
            )
    except IntegrityError:
        found = _share(study_uid, priority, series_uids)
    transaction.on_commit(lambda: fetches_due.send(Fetch))
    return found


def cancel(fetch: Fetch) -> bool:
    """End a fetch; what has arrived stays. False when it had ended already."""
    return bool(
        Fetch.objects.filter(pk=fetch.pk, state__in=OPEN).update(
            state=FetchState.CANCELLED, finished_at=timezone.now(), lease_token="", lease_until=None
        )
    )


def _share(study_uid: str, priority: int, series_uids: Sequence[str]) -> Fetch:
    """The open fetch of the study, as urgent and as wide as this one would be."""
    with transaction.atomic():
        found = Fetch.objects.select_for_update().filter(study_instance_uid=study_uid, state__in=OPEN).first()
        if found is None:
            raise FetchRefused(_("The study was being brought here and is not any more; ask again."))
        wanted = set(found.series_instance_uids) | set(series_uids)
        is_whole = not found.series_instance_uids or not series_uids
        found.series_instance_uids = [] if is_whole else sorted(wanted)
        found.priority = min(found.priority, priority)
        found.save(update_fields=["series_instance_uids", "priority"])
    return found
