"""How many moves read or write in a location at once, over all workers: each takes one of its numbered places.

A place is a row that names the move and the lease under which it was taken, so it is free again when the move is
released, however that comes about; nothing has to be given back, and no worker knows of another.
"""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from studies.models import Tier
from tiering.ask import BY_HAND
from tiering.errors import TierError
from tiering.models import Location, LocationSlot, Move, PackState
from tiering.settings import minimum_copies

LOOK_AGAIN = timedelta(seconds=10)
LOOK_AGAIN_LATER = timedelta(minutes=1)  # hundreds of moves of a policy that ask each moment would be load themselves


class LocationFull(TierError):
    """As many moves as may be work there just now."""


def take_places(move: Move) -> None:
    """Have a place for the move, which is claimed, in each location that it reads or writes and that has a limit.

    Raises:
        LocationFull: there is none now; what it has is free again when the move is released.
    """
    for location in _locations(move):
        if not _take(location, move):
            moves = "1 move" if location.max_parallel == 1 else f"{location.max_parallel} moves"
            raise LocationFull(f"It waits for a place at {location.name}, where {moves} may work at once.")


def look_again_after(move: Move) -> timedelta:
    """When a move that found no place is tried again."""
    return LOOK_AGAIN if move.priority <= BY_HAND else LOOK_AGAIN_LATER


def _locations(move: Move) -> list[Location]:
    """Those with a limit, in one order for all workers."""
    if move.to_tier == move.study.tier == Tier.HOT:
        return []
    read = Location.objects.filter(packs__study=move.study, packs__state=PackState.VERIFIED)
    if move.study.tier == Tier.HOT:
        read = read.none()
    pks = set(read.exclude(tier=move.to_tier).values_list("pk", flat=True))
    if move.to_tier != Tier.HOT:
        written = Location.objects.filter(tier=move.to_tier, is_enabled=True).order_by("pk")[: minimum_copies()]
        pks.update(written.values_list("pk", flat=True))
    return list(Location.objects.filter(pk__in=pks, max_parallel__isnull=False).order_by("pk"))


def _take(location: Location, move: Move) -> bool:
    most = location.max_parallel or 0
    slots = {slot.number: slot for slot in LocationSlot.objects.filter(location=location)}
    taken = set(_taken(location).exclude(move=move).values_list("number", flat=True))
    if len(taken) >= most:  # the limit may have been higher a moment ago
        return False
    return any(_take_number(location, number, slots.get(number), move) for number in range(most) if number not in taken)


def _taken(location: Location) -> QuerySet[LocationSlot]:
    holders = Move.objects.filter(
        pk=OuterRef("move"), lease_token=OuterRef("lease_token"), lease_until__gt=timezone.now()
    )
    return LocationSlot.objects.filter(Exists(holders), location=location)


def _take_number(location: Location, number: int, before: LocationSlot | None, move: Move) -> bool:
    """One statement decides: of two workers that saw a place free, one has it."""
    if before is not None:
        as_it_was = LocationSlot.objects.filter(pk=before.pk, move=before.move_id, lease_token=before.lease_token)
        return bool(as_it_was.update(move=move, lease_token=move.lease_token))
    try:
        with transaction.atomic():
            LocationSlot.objects.create(location=location, number=number, move=move, lease_token=move.lease_token)
    except IntegrityError:
        return False
    return True
