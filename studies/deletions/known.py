"""Whether what is found in a store was deleted by somebody: then it is left over, and is not taken in again."""

from collections.abc import Iterable, Sequence

from studies.arrival import Arrival
from studies.deletions.models import Deletion


def not_deleted(arrivals: Sequence[Arrival]) -> Iterable[Arrival]:
    """Those that came in after every deletion that names them."""
    uids = {arrival.study["study_instance_uid"] for arrival in arrivals}
    deletions = list(Deletion.objects.filter(study_instance_uid__in=uids))
    return [arrival for arrival in arrivals if not any(_names(deletion, arrival) for deletion in deletions)]


def _names(deletion: Deletion, arrival: Arrival) -> bool:
    return (
        deletion.study_instance_uid == arrival.study["study_instance_uid"]
        and deletion.series_instance_uid in {"", arrival.series["series_instance_uid"]}
        and deletion.sop_instance_uid in {"", arrival.sop_instance_uid}
        and arrival.receipt["received_at"] < deletion.requested_at
    )
