"""Copy what a study still lacks in a slower tier: packs of each series in each location that is to have them."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from studies.models import Instance, Series, Study, Tier
from studies.ulid import new_ulid
from tiering.errors import PackDamaged, SourceDamaged, StoreError
from tiering.models import Copy, Location, Pack, PackState
from tiering.pace import MovePacer, Pacer, instances_come_in
from tiering.packs import in_packs, new_pack, remove_pack, verify_pack, write_pack
from tiering.settings import minimum_copies
from tiering.sources import is_intact_in_hot_store

Beat = Callable[[int], None]
RELIED_ON = timedelta(days=1)  # that long a pack counts as it was read, before a file is removed for it


def copy_to_tier(study: Study, tier: str, beat: Beat) -> None:
    """Write and verify what is missing, in as many locations as there have to be copies.

    Args:
        study: all contents of all its instances.
        tier: cold or archive.
        beat: called now and then with the bytes that were copied since; what it raises ends it.

    Raises:
        StoreError: a location cannot be used now, or there are too few; what was verified stays.
        SourceDamaged: an instance is nowhere what was acknowledged.
    """
    locations = list(Location.objects.filter(tier=tier, is_enabled=True).order_by("pk")[: minimum_copies()])
    if len(locations) < minimum_copies():
        raise StoreError(f"the tier {tier} has {len(locations)} enabled locations, and {minimum_copies()} are needed")
    for number, location in enumerate(locations):
        # Progress is that of the study's bytes, however often they are copied.
        _copy_to(study, location, beat if number == 0 else lambda _: beat(0))


def _copy_to(study: Study, location: Location, beat: Beat) -> None:
    _remove_unfinished(study, location)
    # Nobody waits for this; a scanner that sends does.
    paced = MovePacer(location.bytes_per_second, beat, gives_way_to=instances_come_in)
    reading = MovePacer(location.bytes_per_second, lambda _: beat(0), gives_way_to=instances_come_in)
    verify_again(study, location, reading)
    for series in Series.objects.filter(study=study).order_by("pk"):
        for instances in in_packs(_missing(series, location)):
            pack = new_pack(location, instances[0], new_ulid())
            write_pack(pack, instances, paced)
            _verify(pack, reading)
    paced.tell()


def verify_again(study: Study, location: Location, paced: Pacer) -> None:
    """Read back what lies there already and was not read for long: a file is about to be removed for it.

    Raises:
        PackDamaged: of one of them; the next attempt copies what it held.
        StoreError: the location cannot be read now.
    """
    now = timezone.now()
    is_fresh = Q(verified_at__gt=now - RELIED_ON, verified_at__lt=now + RELIED_ON)  # unless a clock was wrong
    old = Pack.objects.filter(~is_fresh, study=study, location=location, state=PackState.VERIFIED)
    for pack in old.select_related("location"):
        verify_pack(pack, paced)


def _missing(series: Series, location: Location) -> Iterator[Instance]:
    there = Copy.objects.filter(instance=OuterRef("pk"), pack__location=location, pack__state=PackState.VERIFIED)
    rows = Instance.objects.filter(~Exists(there), series=series).select_related("series__study")
    return rows.order_by("pk").iterator(500)


def _verify(pack: Pack, paced: Pacer) -> None:
    try:
        verify_pack(pack, paced)
    except PackDamaged as error:
        # Damaged on the way or at its source: whichever it is, this object is of no use to anybody.
        Pack.objects.filter(pk=pack.pk).update(state=PackState.REMOVING)
        if error.instance_pk is not None:
            _check_source(Instance.objects.get(pk=error.instance_pk))
        raise


def _check_source(instance: Instance) -> None:
    if instance.tier == Tier.HOT and not is_intact_in_hot_store(instance):
        raise SourceDamaged(f"the file of instance {instance.pk} in the hot store is not what was acknowledged")


def _remove_unfinished(study: Study, location: Location) -> None:
    """What a worker that was lost had begun to write, and what came out damaged; nobody relies on it."""
    of_no_use = (PackState.WRITING, PackState.REMOVING)
    for pack in Pack.objects.filter(study=study, location=location, state__in=of_no_use):
        remove_pack(pack)
