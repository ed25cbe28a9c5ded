"""Remove what a study was read from before it moved: the only place where a file of an instance is removed for good.

A file goes when, at that moment, as many verified copies as there have to be lie in the tier that the instance is read
from, and nobody needs the file (studies.holds). No setting makes that fewer than one.
"""

from collections.abc import Callable
from pathlib import Path

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from studies.holds import held
from studies.integrity import path_of
from studies.models import Instance, Study, Tier
from tiering.errors import StoreError, TierError
from tiering.models import Location, Pack, PackState
from tiering.packs import remove_pack
from tiering.settings import minimum_copies

BATCH = 200


class Held(TierError):
    """Some files are still needed; the rest is removed."""


def with_enough_copies(instances: QuerySet[Instance], tier: str) -> QuerySet[Instance]:
    """Of these instances, those with as many verified copies in a tier as there have to be, in as many locations."""
    verified = Q(copies__pack__state=PackState.VERIFIED, copies__pack__location__tier=tier)
    counted = instances.annotate(verified_copies=Count("copies__pack__location", filter=verified, distinct=True))
    return counted.filter(verified_copies__gte=max(1, minimum_copies()))


def remove_what_was_left(study: Study, tier: str, beat: Callable[[], None]) -> None:
    """Remove the hot files of instances that are read from this tier, and packs of quicker tiers that only they use.

    Args:
        study: which moved.
        tier: where it is read from now.
        beat: renews the lease of the move, in a statement that locks its row; what it raises ends the removal.

    Raises:
        Held: some are still needed; look again later.
        StoreError: a location or the hot store cannot be changed now.
    """
    needed, uncopied = _remove_files(study, tier, beat)
    _remove_packs(study, tier, beat)
    if needed:
        raise Held(f"{needed} files stay for now: deliveries, AI requests or storage commitments need them")
    if uncopied:
        raise Held(f"{uncopied} files stay for now: a copy was found damaged; the scrub writes it anew")


def _remove_files(study: Study, tier: str, beat: Callable[[], None]) -> tuple[int, int]:
    """Returns how many files stay because they are needed, and for want of copies."""
    needed = uncopied = last_pk = 0
    while True:
        instances = Instance.objects.filter(series__study=study, tier=tier, pk__gt=last_pk).order_by("pk")
        batch = list(instances[:BATCH])
        if not batch:
            return needed, uncopied
        last_pk = batch[-1].pk
        with transaction.atomic():
            # It locks the move: whoever turns it round, to read the study, comes before these files or after them.
            beat()
            enough = set(with_enough_copies(instances.filter(pk__lte=last_pk), tier).values_list("pk", flat=True))
            there = [instance for instance in batch if path_of(instance).exists()]
            keep = held([instance.pk for instance in there if instance.pk in enough])
            needed += len(keep)
            uncopied += sum(instance.pk not in enough for instance in there)
            for instance in there:
                if instance.pk in enough and instance.pk not in keep:
                    _unlink(path_of(instance))


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"the hot store cannot be changed: {error.strerror}") from error


def _remove_packs(study: Study, tier: str, beat: Callable[[], None]) -> None:
    """Packs of tiers between: what was cold and is in the archive now is not kept twice."""
    if tier != Tier.ARCHIVE:
        return
    between = Location.objects.filter(tier=Tier.COLD)
    for pack in Pack.objects.filter(study=study, location__in=between).exclude(state=PackState.WRITING):
        beat()
        here = Instance.objects.filter(pk__in=pack.copies.values("instance"))
        if with_enough_copies(here.filter(tier=tier), tier).count() == here.count():
            Pack.objects.filter(pk=pack.pk).update(state=PackState.REMOVING)
            pack.state = PackState.REMOVING
        if pack.state == PackState.REMOVING:
            remove_pack(pack)
