"""What came in, for the audit trail: one entry for each study, sender and batch of the index."""

from collections import Counter
from collections.abc import Iterable

from dicomnet.audit import Action, ActorKind, Entry
from studies.arrival import Arrival


def received(arrivals: Iterable[Arrival]) -> list[Entry]:
    """Entries of new instances."""
    counts: Counter[tuple[str, ...]] = Counter()
    for arrival in arrivals:
        receipt, study = arrival.receipt, arrival.study
        counts[
            study["study_instance_uid"],
            study["patient_id"],
            receipt["calling_ae_title"],
            receipt["called_ae_title"],
            receipt["source_address"],
            receipt["fetched_from"],
        ] += 1
    return [
        Entry(
            Action.RECEIVED,
            actor=calling or "(no AE title)",
            actor_kind=ActorKind.DEVICE,
            address=address,
            patient_id=patient_id,
            study_instance_uid=uid,
            subject=f"fetched from {fetched_from}" if fetched_from else f"by {called}" if called else "",
            number=count,
        )
        for (uid, patient_id, calling, called, address, fetched_from), count in counts.items()
    ]
