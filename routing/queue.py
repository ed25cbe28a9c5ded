"""The ledger as a queue: what is claimed is finished only by whoever holds it, and the sweep repairs the rest.

A claim's token fences off a worker that comes back after its lease ran out. The rows are the only truth: no message is
needed for any of it.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from routing.events import deliveries_died, deliveries_due
from routing.history import ERROR_LENGTH, note_failures
from routing.models import Delivery, DeliveryState, Destination, Priority, RuleVersion
from studies.models import Instance, Study
from studies.seeding.marks import NO_FILE

LEASE_SECONDS = 30
FIRST_BACK_OFF_SECONDS = 5
LONGEST_BACK_OFF_SECONDS = 15 * 60
GIVE_UP_AFTER = timedelta(hours=72)
MAXIMUM_LOST_LEASES = 3


class Receipt(NamedTuple):
    """The peer's word that it keeps an instance: its status, and how many bytes of data set it was sent."""

    status: int
    sent_bytes: int = 0


def renew(tokens: Collection[str]) -> None:
    """Extend the lease of all that is still held under these tokens."""
    until = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    Delivery.objects.filter(lease_token__in=tokens, state=DeliveryState.SENDING).update(lease_until=until)


def finish_delivered(token: str, receipts: Mapping[int, Receipt]) -> int:
    """Record successes by primary key, all in one statement.

    Returns:
        How many were still ours; the others were taken back by the sweep, and will be sent again.
    """
    if not receipts:
        return 0
    # Both databases name the columns of a VALUES list column1, column2 ...
    values = ", ".join(["(%s, %s, %s)"] * len(receipts))
    sql = (
        "UPDATE routing_delivery SET state = %s, last_status = given.column2, sent_bytes = given.column3,"  # noqa: S608
        " last_error = '', delivered_at = %s, lease_token = '', lease_until = NULL"
        f" FROM (VALUES {values}) AS given"
        " WHERE routing_delivery.id = given.column1 AND lease_token = %s AND state = %s"
    )
    rows = [value for pk, receipt in receipts.items() for value in (pk, *receipt)]
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(sql, [DeliveryState.DELIVERED.value, now, *rows, token, DeliveryState.SENDING.value])
        return int(cursor.rowcount)


def finish_failed(token: str, pk: int, *, status: int | None, error: str, is_permanent: bool) -> None:
    """Record a failure of one delivery: it waits for its next attempt, or has failed for good."""
    for delivery in _held(token, [pk]):
        is_dead = is_permanent or timezone.now() - delivery.queued_at > GIVE_UP_AFTER
        with transaction.atomic():
            is_ours = _held(token, [pk]).update(
                state=DeliveryState.DEAD if is_dead else DeliveryState.PENDING,
                next_attempt_at=timezone.now() + back_off(delivery.attempts),
                last_status=status,
                last_error=error[:ERROR_LENGTH],
                lease_token="",
                lease_until=None,
            )
            if is_ours:
                note_failures([delivery], error=error, status=status, association=token)
                if is_dead:
                    deliveries_died.send(Delivery, pks=[pk])


def give_back(token: str, *, error: str, at: datetime) -> None:
    """Return what was claimed but not sent, because the peer could not be reached; it gives up by age only."""
    held = Delivery.objects.filter(lease_token=token, state=DeliveryState.SENDING)
    claimed = list(held)
    note_failures(claimed, error=error, association=token)
    _set_aside(
        held, [each for each in claimed if timezone.now() - each.queued_at > GIVE_UP_AFTER], error[:ERROR_LENGTH]
    )
    held.update(
        state=DeliveryState.PENDING,
        next_attempt_at=at,
        last_error=error[:ERROR_LENGTH],
        lease_token="",
        lease_until=None,
    )


def put_back(token: str) -> None:
    """Return what was claimed and not tried, as if it had not been claimed."""
    Delivery.objects.filter(lease_token=token, state=DeliveryState.SENDING).update(
        state=DeliveryState.PENDING, attempts=F("attempts") - 1, association="", lease_token="", lease_until=None
    )


def back_off(attempts: int) -> timedelta:
    """Doubling from 5 s to 15 min, with full jitter so that what failed together does not come back together."""
    longest = min(FIRST_BACK_OFF_SECONDS * 2 ** min(attempts, 16), LONGEST_BACK_OFF_SECONDS)
    return timedelta(seconds=random.uniform(FIRST_BACK_OFF_SECONDS / 2, longest))  # noqa: S311 (no secret)


def take_back_expired_leases() -> int:
    """Deliveries whose worker was lost are pending again; the third time they are set aside."""
    now = timezone.now()
    # A lease is never longer than its length: if it seems so, the clock was set back.
    is_over = Q(lease_until__lt=now) | Q(lease_until__gt=now + timedelta(seconds=2 * LEASE_SECONDS))
    expired = Delivery.objects.filter(is_over, state=DeliveryState.SENDING)
    found = list(expired)
    note_failures(found, error="The sending process was lost.")
    poison = _set_aside(
        expired,
        [each for each in found if each.lost_leases >= MAXIMUM_LOST_LEASES - 1],
        f"The sending process was lost {MAXIMUM_LOST_LEASES} times during this delivery.",
        lost_leases=F("lost_leases") + 1,
    )
    lost = expired.update(
        state=DeliveryState.PENDING,
        lost_leases=F("lost_leases") + 1,
        next_attempt_at=now,
        last_error="The sending process was lost; the delivery is tried again.",
        lease_token="",
        lease_until=None,
    )
    return poison + lost


def _set_aside(those: QuerySet[Delivery], deliveries: Sequence[Delivery], error: str, **values: Any) -> int:
    """Those of these deliveries have failed that are still as they were found."""
    count, pks = 0, [delivery.pk for delivery in deliveries]
    for start in range(0, len(pks), 500):
        some = pks[start : start + 500]
        with transaction.atomic():
            dead = those.filter(pk__in=some).update(
                state=DeliveryState.DEAD, last_error=error, lease_token="", lease_until=None, **values
            )
            if dead:
                deliveries_died.send(Delivery, pks=some)
        count += dead
    return count


def pull_in_far_attempts() -> int:
    """No attempt is further away than the longest back-off: the clock may have jumped when it was set."""
    farthest = timezone.now() + timedelta(seconds=LONGEST_BACK_OFF_SECONDS)
    return Delivery.objects.filter(state=DeliveryState.PENDING, next_attempt_at__gt=farthest).update(
        next_attempt_at=farthest
    )


def retry(deliveries: QuerySet[Delivery]) -> int:
    """Have failed, cancelled or waiting deliveries tried at once."""
    chosen = deliveries.filter(state__in=[DeliveryState.DEAD, DeliveryState.CANCELLED, DeliveryState.PENDING])
    return _due_now(chosen)


def cancel(deliveries: QuerySet[Delivery]) -> int:
    """Take waiting deliveries out of the queue; they stay in the ledger and can be retried."""
    waiting = Delivery.objects.filter(pk__in=deliveries.values("pk"))
    return waiting.filter(state__in=[DeliveryState.PENDING, DeliveryState.DEAD]).update(
        state=DeliveryState.CANCELLED, lease_token="", lease_until=None
    )


def replay(study: Study, destinations: Iterable[Destination] | None = None) -> int:
    """Send a study's ledgered deliveries again, delivered ones too.

    Args:
        study: whose instances.
        destinations: only to these; None for all that it was sent to.
    """
    ledger = Delivery.objects.filter(instance__series__study=study).exclude(state=DeliveryState.SENDING)
    if destinations is not None:
        ledger = ledger.filter(destination__in=list(destinations))
    return _due_now(ledger)


def send_by_hand(study: Study, destination: Destination, *, by: str) -> int:
    """Send all of a study to a destination, whatever rules say of it; what went there so before goes again.

    Args:
        by: who wants it.

    Returns:
        How many instances go.
    """
    # A fictitious record has nothing that could be sent.
    stored = Instance.objects.filter(series__study=study).exclude(location=NO_FILE)
    instances = stored.values_list("pk", "calling_ae_title")
    Delivery.objects.bulk_create(
        [
            Delivery(
                instance_id=pk, destination=destination, made_by=by, calling_ae_title=title, priority=Priority.HIGH
            )
            for pk, title in instances
        ],
        ignore_conflicts=True,
        batch_size=500,
    )
    by_hand = Delivery.objects.filter(instance__in=stored, destination=destination, rule_version=None)
    return _due_now(by_hand)


def add_deliveries(version: RuleVersion, pairs: Iterable[tuple[int, int]]) -> None:
    """Write the ledger's lines for (instance, destination) primary keys; those that exist are left as they are."""
    now, pairs = timezone.now(), list(pairs)
    sources = _sources([instance_pk for instance_pk, _ in pairs])
    Delivery.objects.bulk_create(
        [
            Delivery(
                instance_id=instance_pk,
                destination_id=destination_pk,
                rule_version=version,
                calling_ae_title=sources.get(instance_pk, ""),
                priority=version.definition["priority"],
                next_attempt_at=now,
            )
            for instance_pk, destination_pk in pairs
        ],
        ignore_conflicts=True,
        batch_size=500,
    )


def _sources(instance_pks: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for start in range(0, len(instance_pks), 500):
        chosen = Instance.objects.filter(pk__in=instance_pks[start : start + 500])
        found |= dict(chosen.values_list("pk", "calling_ae_title"))
    return found


def tell_due(destination_pks: Iterable[int]) -> None:
    """Wake these destinations' lanes once the transaction stands."""
    for pk in set(destination_pks):
        transaction.on_commit(partial(deliveries_due.send, Delivery, destination_pk=pk))


@transaction.atomic
def _due_now(deliveries: QuerySet[Delivery]) -> int:
    pks = list(deliveries.values_list("pk", "destination_id"))
    count = 0
    for start in range(0, len(pks), 500):
        chosen = Delivery.objects.filter(pk__in=[pk for pk, _ in pks[start : start + 500]])
        count += chosen.exclude(state=DeliveryState.SENDING).update(
            state=DeliveryState.PENDING,
            attempts=0,
            lost_leases=0,
            queued_at=timezone.now(),
            next_attempt_at=timezone.now(),
            delivered_at=None,
            lease_token="",
            lease_until=None,
        )
    tell_due({destination_pk for _, destination_pk in pks})
    return count


def _held(token: str, pks: list[int]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk__in=pks, lease_token=token, state=DeliveryState.SENDING)
