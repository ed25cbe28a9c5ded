"""What went out, for the audit trail: one entry for each study and destination, for what is recorded together."""

from collections.abc import Collection

from django.db.models import Count

from dicomnet.audit import Action, Entry
from routing.models import Delivery, DeliveryState, Destination


def sent(destination: Destination, delivery_pks: Collection[int]) -> list[Entry]:
    """Entries of those of these deliveries that were made."""
    made = Delivery.objects.filter(pk__in=delivery_pks, state=DeliveryState.DELIVERED).order_by()
    studies = made.values_list("instance__series__study__study_instance_uid", "instance__series__study__patient_id")
    return [
        Entry(
            Action.SENT,
            study_instance_uid=uid,
            patient_id=patient_id,
            subject=f"to {destination.name}",
            number=count,
        )
        for uid, patient_id, count in studies.annotate(count=Count("pk"))
    ]
