"""Deliveries of fictitious studies, for dashboards and lists: to a destination that is off and has no address."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from routing.models import Delivery, DeliveryState, Destination
from studies.models import Instance, Study
from studies.seeding.marks import GIVEN_BY, NO_FILE, is_record
from studies.statements import insert_rows

DESTINATION = "Seed PACS (fictitious)"
LATELY = timedelta(days=30)  # a ledger of all two years would have as many rows as the archive has instances
FAILED_SHARE = 0.004
BATCH = 500


def write_deliveries(on_study: Callable[[], None] = lambda: None) -> int:
    """Lines in the ledger for the records of the last month that have none, as if they had been sent.

    Returns:
        How many lines.
    """
    destination, _ = Destination.objects.get_or_create(
        name=DESTINATION,
        # For examples only (RFC 5737): what somebody turns on by mistake goes nowhere.
        defaults={"ae_title": "SEED_PACS", "host": "192.0.2.1", "is_enabled": False, "comment": f"Made by {GIVEN_BY}."},
    )
    lately = Study.objects.filter(is_record(), received_at__gt=timezone.now() - LATELY)
    pks = list(lately.exclude(series__instances__deliveries__destination=destination).values_list("pk", flat=True))
    count = 0
    for start in range(0, len(pks), BATCH):
        count += _write(pks[start : start + BATCH], destination)
        for _ in pks[start : start + BATCH]:
            on_study()
    return count


def _write(study_pks: Sequence[int], destination: Destination) -> int:
    now = timezone.now()
    names = ("pk", "calling_ae_title", "received_at", "size_bytes", "series__study")
    instances = Instance.objects.filter(series__study__in=study_pks).order_by("pk").values_list(*names)
    rows = []
    for pk, title, received_at, size_bytes, study_pk in instances:
        rnd = random.Random(study_pk)  # noqa: S311 (no secret): a study fares as a whole
        row = {
            "instance_id": pk,
            "destination_id": destination.pk,
            "made_by": GIVEN_BY,
            "calling_ae_title": title,
            "attempts": 1,
            "next_attempt_at": received_at,
            "created_at": received_at,
            "queued_at": received_at,
            "last_attempt_at": received_at,
        }
        if rnd.random() < FAILED_SHARE:
            row |= {"state": DeliveryState.DEAD.value, "last_error": "The destination is fictitious."}
        else:
            done_at = min(now, received_at + timedelta(seconds=rnd.randint(2, 90)))
            row |= {"state": DeliveryState.DELIVERED.value, "delivered_at": done_at}
            row |= {"sent_bytes": size_bytes, "last_status": 0}
        rows.append(row)
    with transaction.atomic():
        insert_rows(Delivery, rows)
    return len(rows)


def remove_deliveries(study_pks: Sequence[int]) -> None:
    """Remove the lines of these records, which say nothing of anything that is stored."""
    Delivery.objects.filter(instance__series__study__in=study_pks, instance__location=NO_FILE).delete()


def remove_destination() -> None:
    """Remove the destination, unless something else was sent there."""
    found = Destination.objects.filter(name=DESTINATION, comment=f"Made by {GIVEN_BY}.")
    found.exclude(deliveries__isnull=False).delete()
