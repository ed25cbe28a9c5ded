"""Events that are found by looking: in the change feed, whose writers wait for nobody, and in how destinations do."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Max

from gateway.webhooks.kinds import EventKind
from gateway.webhooks.models import FeedMark, WebhookEvent
from gateway.webhooks.tell import is_anybody_told, tell
from routing.models import Destination
from studies.changes.models import Change, ChangeKind

_MARKS = CHANGES, DESTINATIONS = "changes", "destinations"
AT_ONCE = 2_000  # changes
FAILURES = 3  # in a row, from which on a destination counts as one that does not answer

_KINDS = {ChangeKind.COMPLETED: EventKind.STUDY_COMPLETED, ChangeKind.DELETED: EventKind.STUDY_DELETED}


def begin() -> None:
    """From now on events are found; in the transaction that has somebody told of them."""
    position = Change.objects.aggregate(last=Max("pk"))["last"] or 0
    FeedMark.objects.get_or_create(name=CHANGES, defaults={"position": position})
    FeedMark.objects.get_or_create(name=DESTINATIONS, defaults={"known": sorted(_stopped())})


def gather() -> None:
    """Write the events of what happened since the last look; nothing while nobody is told."""
    if not is_anybody_told():
        # Whoever is told first begins with what happens then.
        if FeedMark.objects.exists():
            FeedMark.objects.all().delete()
        return
    if FeedMark.objects.count() < len(_MARKS):
        begin()  # they were removed by one that looked before anybody was told
    while _read_changes():
        pass
    _look_at_destinations()


def _read_changes() -> bool:
    """One step through the feed; True when there may be more."""
    mark = FeedMark.objects.filter(name=CHANGES).first()
    if mark is None or not Change.objects.filter(pk__gt=mark.position).exists():
        return False
    with transaction.atomic():
        # Of two that look at once the second finds the mark where the first has put it.
        mark = FeedMark.objects.select_for_update().filter(pk=mark.pk).first()
        if mark is None:
            return False
        changes = list(Change.objects.filter(pk__gt=mark.position).order_by("pk")[:AT_ONCE])
        if changes:
            WebhookEvent.objects.bulk_create(_changed(changes))
            FeedMark.objects.filter(pk=mark.pk).update(position=changes[-1].pk)
    return len(changes) == AT_ONCE


def _changed(changes: list[Change]) -> Iterator[WebhookEvent]:
    for change in changes:
        kind = _KINDS.get(ChangeKind(change.kind))
        if kind is not None:
            uid = change.study_instance_uid
            data = {"study_instance_uid": uid, "number_of_instances": change.number_of_instances, "change": change.pk}
            event = tell(kind, data, study_instance_uid=uid)
            event.at = change.at
            yield event


def _look_at_destinations() -> None:
    mark = FeedMark.objects.filter(name=DESTINATIONS).first()
    if mark is None or set(mark.known) == _stopped():
        return
    with transaction.atomic():
        mark = FeedMark.objects.select_for_update().filter(pk=mark.pk).first()
        if mark is None:
            return
        before, now = set(mark.known), _stopped()
        WebhookEvent.objects.bulk_create(
            [
                *(_destination(each, EventKind.DESTINATION_STOPPED) for each in _named(now - before)),
                # One that was turned off meanwhile is not asked any more: nothing is known of it.
                *(
                    _destination(each, EventKind.DESTINATION_RESUMED)
                    for each in _named(before - now)
                    if each.is_enabled and not each.failures_in_a_row
                ),
            ]
        )
        FeedMark.objects.filter(pk=mark.pk).update(known=sorted(now))


def _stopped() -> set[int]:
    failing = Destination.objects.filter(is_enabled=True, failures_in_a_row__gte=FAILURES)
    return set(failing.values_list("pk", flat=True))


def _named(pks: set[int]) -> list[Destination]:
    return list(Destination.objects.filter(pk__in=pks).order_by("pk"))


def _destination(destination: Destination, kind: EventKind) -> WebhookEvent:
    data = {
        "destination_id": destination.pk,
        "destination": destination.name,
        "failures_in_a_row": destination.failures_in_a_row,
        "last_error": destination.last_error,
    }
    return tell(kind, data)
