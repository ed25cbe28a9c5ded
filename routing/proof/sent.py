"""Under which UIDs a destination got what was delivered: those of the file that was sent."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from dicomnet.commitment import Reference
from routing.models import Delivery
from routing.outgoing import outgoing_of

IDENTITY = ["StudyInstanceUID", "SeriesInstanceUID"]


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


def sent_as(delivery: Delivery) -> Sent:
    """What the delivery's destination got; a rule may have given the instance other UIDs.

    Needs ``instance__series__study``.
    """
    instance = delivery.instance
    series = instance.series
    as_stored = Sent(
        series.study.study_instance_uid, series.series_instance_uid, instance.sop_class_uid, instance.sop_instance_uid
    )
    try:
        outgoing = outgoing_of(delivery)
        if outgoing.sop_instance_uid == instance.sop_instance_uid:
            return as_stored
        ds = dcmread(outgoing.path, specific_tags=list(IDENTITY), stop_before_pixels=True)
    except (OSError, InvalidDicomError):
        # Asked about under its own UIDs it is found missing at worst, and sent again.
        return as_stored
    return Sent(
        str(ds.get("StudyInstanceUID", "")),
        str(ds.get("SeriesInstanceUID", "")),
        outgoing.sop_class_uid,
        outgoing.sop_instance_uid,
    )


def by_instance(deliveries: Iterable[Delivery]) -> dict[Sent, list[Delivery]]:
    """What was sent, once each: two rules may have sent the same instance to one destination."""
    found: dict[Sent, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        found[sent_as(delivery)].append(delivery)
    return found
