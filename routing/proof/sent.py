"""Under which UIDs a destination got what was delivered: those of the file that was sent (routing.outgoing)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dicomnet.commitment import Reference
from dicomnet.scu.outgoing import Outgoing
from routing.models import Delivery
from routing.outgoing import outgoing, outgoing_of
from routing.transports.place import NoPlace, place_of

AT_ONCE = 10  # a rule that changes instances has a copy of each made anew


@dataclass(frozen=True)
class Sent:
    """One instance as its destination knows it."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str

    @property
    def reference(self) -> Reference:
        """How storage commitment names it."""
        return Reference(self.sop_class_uid, self.sop_instance_uid)


def by_instance(deliveries: Iterable[Delivery]) -> dict[Sent, list[Delivery]]:
    """What was sent, once each: two rules may have sent the same instance to one destination.

    Needs ``instance__series__study`` and ``rule_version``.
    """
    found: dict[Sent, list[Delivery]] = defaultdict(list)
    left = list(deliveries)
    for start in range(0, len(left), AT_ONCE):
        for sent, delivery in _sent(left[start : start + AT_ONCE]):
            found[sent].append(delivery)
    return found


def _sent(deliveries: Sequence[Delivery]) -> Iterator[tuple[Sent, Delivery]]:
    waiting = {delivery.pk: delivery for delivery in deliveries}
    has_more = True
    while waiting and has_more:
        has_more = False
        # Copies that would fill the disk are made a part at a time.
        with outgoing(list(waiting.values())) as files:
            for file, delivery in files.ready.items():
                del waiting[delivery.pk]
                has_more = True
                yield _as_sent(file, delivery), delivery
    # Nothing can be made of these any more. Asked about under their own UIDs they are found missing at worst.
    yield from ((_as_stored(delivery), delivery) for delivery in waiting.values())


def _as_sent(file: Outgoing, delivery: Delivery) -> Sent:
    if file.path == outgoing_of(delivery).path:
        return _as_stored(delivery)
    try:
        place = place_of(file)
    except (NoPlace, OSError):
        return _as_stored(delivery)
    return Sent(place.study, place.series, file.sop_class_uid, place.instance)


def _as_stored(delivery: Delivery) -> Sent:
    instance = delivery.instance
    series = instance.series
    return Sent(
        series.study.study_instance_uid, series.series_instance_uid, instance.sop_class_uid, instance.sop_instance_uid
    )
