"""The scrub: every hot file and every pack is read again within a period and compared with its hash.

It goes in turns of some seconds, at a rate that leaves the disk to others, and goes on where the turn before ended.
What is damaged is repaired from what is right (tiering.repair); what cannot be is on record (Damage), and tried again.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, Max, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from studies.models import Instance, Tier
from studies.proof import CannotLook, Unproven, prove
from tiering.damage import files_found_right, repaired
from tiering.errors import PackDamaged, StoreError
from tiering.metrics import SCRUBBED_BYTES
from tiering.models import Damage, Pack, PackState, ScrubRange
from tiering.pace import MovePacer
from tiering.packs import verify_pack
from tiering.repair import repair_file, repair_pack
from tiering.settings import scrub_bytes_per_second, scrub_period

logger = logging.getLogger(__name__)
RANGE_KEYS = 10_000
BATCH = 100  # files between two notes of progress
EARLY = 0.9  # of the period, after which a copy is due: so that all are done when it ends
TRY_AGAIN_AFTER = timedelta(hours=1)


def scrub(*, seconds: float) -> bool:
    """Read what is due, for about so long: an object that was begun is read to its end.

    Returns:
        Whether more is due. False also where another process of this host is at it.

    Raises:
        StoreError: the hot store is not there.
    """
    period = scrub_period()
    if period is None:
        return False
    with _only_one() as is_ours:
        return is_ours and _Turn(period, time.monotonic() + seconds).take()


def check_hot_store() -> None:
    """Tell a disk that is not mounted from one that has lost its files.

    Raises:
        StoreError: the folder is not there or empty, though files should be in it.
    """
    try:
        with os.scandir(settings.GANTRY.storage) as entries:
            is_empty = next(entries, None) is None
    except OSError as error:
        raise StoreError(f"the hot store cannot be read: {error.strerror}") from error
    if is_empty and Instance.objects.filter(tier=Tier.HOT).exists():
        raise StoreError(f"the hot store is empty ({settings.GANTRY.storage}): is its disk mounted?")


class _Turn:
    """One turn: some files, a pack, a repair, and again, so that none of them waits for all of another."""

    def __init__(self, period: timedelta, ends_at: float) -> None:
        self._ends_at = ends_at
        self._due_before = timezone.now() - period * EARLY
        self._pacer = MovePacer(scrub_bytes_per_second(), lambda _: None)
        self._unreachable: set[int] = set()  # locations

    def take(self) -> bool:
        """See scrub."""
        check_hot_store()
        add_ranges()
        _forget_the_future()
        while time.monotonic() < self._ends_at:
            did = [self._read_files(), self._read_a_pack(), self._repair_a_pack(), self._repair_a_file()]
            if not any(did):
                return False
        return True

    def _read_files(self) -> bool:
        due = ranges_due(self._due_before).first()
        if due is None:
            return False
        if due.next_pk is None:
            due.next_pk, due.began_at = due.number * RANGE_KEYS, timezone.now()
        end = (due.number + 1) * RANGE_KEYS
        files = list(Instance.objects.filter(tier=Tier.HOT, pk__gte=due.next_pk, pk__lt=end).order_by("pk")[:BATCH])
        is_last = len(files) < BATCH
        right = []
        for instance in files:
            if time.monotonic() > self._ends_at:
                is_last = False
                break
            if self._is_right(instance):
                right.append(instance.pk)
            due.next_pk = instance.pk + 1
        files_found_right(right)
        if is_last:
            due.next_pk, due.verified_at = None, due.began_at
        due.save(update_fields=["next_pk", "began_at", "verified_at"])
        return True

    def _is_right(self, instance: Instance) -> bool:
        try:
            prove(instance, self._pacer.passes)
        except CannotLook as error:
            raise StoreError(str(error)) from error
        except Unproven as error:
            check_hot_store()
            repair_file(instance, str(error), self._pacer)
            return False
        SCRUBBED_BYTES.labels(Tier.HOT).inc(instance.size_bytes)
        return True

    def _read_a_pack(self) -> bool:
        due = packs_due(self._due_before).exclude(location__in=self._unreachable)
        pack = due.select_related("location").first()
        if pack is None:
            return False
        try:
            verify_pack(pack, self._pacer_of(pack))
        except PackDamaged:
            repair_pack(pack, self._pacer_of(pack))
        except StoreError as error:
            self._unreachable.add(pack.location_id)
            logger.warning("location not read again now", extra={"location": pack.location_id, "reason": str(error)})
        else:
            SCRUBBED_BYTES.labels(pack.location.tier).inc(pack.size_bytes)
        return True

    def _pacer_of(self, pack: Pack) -> MovePacer:
        rates = (pack.location.bytes_per_second, scrub_bytes_per_second())
        return MovePacer(min(rate for rate in rates if rate), lambda _: None)

    def _repair_a_pack(self) -> bool:
        """Whoever reads a pack may find it damaged; this is where all of them are repaired."""
        lately = Damage.objects.filter(
            pack=OuterRef("pk"), instance=None, repaired_at=None, tried_at__gt=timezone.now() - TRY_AGAIN_AFTER
        )
        damaged = Pack.objects.filter(~Exists(lately), state=PackState.DAMAGED, copies__isnull=False)
        pack = damaged.select_related("location").order_by("pk").first()
        if pack is None:
            return False
        repair_pack(pack, self._pacer_of(pack))
        return True

    def _repair_a_file(self) -> bool:
        due = Damage.objects.filter(pack=None, repaired_at=None, tried_at__lt=timezone.now() - TRY_AGAIN_AFTER)
        damage = due.select_related("instance").order_by("tried_at").first()
        if damage is None or damage.instance is None:
            return False
        if damage.instance.tier != Tier.HOT:
            repaired(damage, "It is read from another tier now.")
        elif self._is_right(damage.instance):
            files_found_right([damage.instance.pk])
        return True


def ranges_due(before: datetime) -> QuerySet[ScrubRange]:
    """Ranges whose files were read last before then, or in part; what was begun goes first, then the longest unread."""
    due = Q(next_pk__isnull=False) | Q(verified_at=None) | Q(verified_at__lt=before)
    order = (F("next_pk").asc(nulls_last=True), F("verified_at").asc(nulls_first=True), "number")
    return ScrubRange.objects.filter(due).order_by(*order)


def packs_due(before: datetime) -> QuerySet[Pack]:
    """Packs that were read last before then, the longest unread first."""
    return Pack.objects.filter(state=PackState.VERIFIED, verified_at__lt=before).order_by("verified_at", "pk")


def add_ranges() -> None:
    """Rows for the ranges of instances that have come since."""
    keys = Instance.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if keys["last"] is None:
        return
    known = ScrubRange.objects.aggregate(last=Max("number"))["last"]
    first = keys["first"] // RANGE_KEYS if known is None else known + 1
    ranges = [ScrubRange(number=number) for number in range(first, keys["last"] // RANGE_KEYS + 1)]
    ScrubRange.objects.bulk_create(ranges, batch_size=500, ignore_conflicts=True)


def _forget_the_future() -> None:
    """What a wrong clock has dated ahead would wait until then: it counts as never read, and as not tried lately."""
    future, long_ago = timezone.now() + TRY_AGAIN_AFTER, datetime.fromtimestamp(0, UTC)
    Pack.objects.filter(state=PackState.VERIFIED, verified_at__gt=future).update(verified_at=long_ago)
    ScrubRange.objects.filter(verified_at__gt=future).update(verified_at=None)
    Damage.objects.filter(repaired_at=None, tried_at__gt=future).update(tried_at=long_ago)


@contextmanager
def _only_one() -> Iterator[bool]:
    """True for one process of this host at a time; the lock ends with its process, however that ends."""
    with (settings.GANTRY.run_dir / "scrub.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
