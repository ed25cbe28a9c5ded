"""Repair what is damaged from whatever is right: the hot file, a copy elsewhere, or what is whole in a damaged pack.

Nothing is taken as right that was not hashed just now, and nothing is removed before its replacement was read back.
"""

import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from django.db import transaction

from studies.disk import sync_folder
from studies.integrity import path_of
from studies.models import Instance, Tier
from studies.proof import CannotLook, Unproven, prove
from studies.ulid import new_ulid
from tiering.damage import damage_of_file, damage_of_pack, lost_in_pack, mark_damaged, repaired, tried
from tiering.errors import ObjectGone, PackDamaged, StoreError, TierError
from tiering.hot_file import write_file
from tiering.models import Copy, Damage, Pack, PackState
from tiering.pace import Pacer
from tiering.packs import new_pack, remove_pack, verify_pack, write_pack
from tiering.pieces import Bytes
from tiering.sources import copies_to_try, read_copy, read_file

logger = logging.getLogger(__name__)
Source = Callable[[], Iterator[bytes]]


def repair_file(instance: Instance, what: str, paced: Pacer) -> bool:
    """Write a hot file anew that was found damaged, from the first of its copies that is right.

    Returns:
        Whether there is nothing to repair any more. Otherwise the damage is on record; the file stays as it is, for
        people, and is not served (studies.integrity).
    """
    current = Instance.objects.filter(pk=instance.pk, tier=Tier.HOT, location=instance.location).first()
    if current is None:  # deleted, or moved to another tier, since it was looked at
        return True
    damage = damage_of_file(current, what)
    reasons = []
    for copy in copies_to_try(current):
        try:
            _write_from(copy, current, paced)
        except PackDamaged as error:
            reasons.append(f"{copy.pack.location}: {error}.")
            if copy.pack.state == PackState.VERIFIED:
                mark_damaged(copy.pack, f"instance {current.pk}: {error}")
        except StoreError as error:
            reasons.append(f"{copy.pack.location}: {error}.")
        else:
            repaired(damage, f"From the copy in {copy.pack.location}.")
            return True
    tried(damage, " ".join(reasons) or "There is no copy.")
    return False


def _write_from(copy: Copy, instance: Instance, paced: Pacer) -> None:
    reader = Bytes(paced(read_copy(copy, instance.size_bytes)))
    for folder in write_file(instance, reader, copy.head_crc32):
        sync_folder(folder)
    if not Instance.objects.filter(pk=instance.pk).exists():
        # Deleted meanwhile, its file too: that it came back just now is nobody's wish.
        path_of(instance).unlink(missing_ok=True)


def repair_pack(pack: Pack, paced: Pacer) -> bool:
    """Replace a damaged pack by a new one in the same location.

    Returns:
        Whether nothing of it is damaged any more. Otherwise the damage is on record; what is right is in a new pack
        even so, and the damaged one stays for the instances that are right nowhere.
    """
    current = Pack.objects.filter(pk=pack.pk, state=PackState.DAMAGED).select_related("location").first()
    if current is None or not current.copies.exists():  # repaired or removed meanwhile, or nothing is left to save
        return True
    damage = damage_of_pack(current, current.note)
    if not current.location.is_enabled:
        tried(damage, "The location is not enabled.")
        return False
    try:
        lost = _replace(current, paced)
    except TierError as error:
        tried(damage, str(error))
        return False
    if lost:
        tried(damage, f"{lost} of its instances are right nowhere.")
        return False
    for each in Damage.objects.filter(pack=current, repaired_at=None).select_related("pack__location"):
        repaired(each, "Written anew from what was right.")
    _remove(current)
    return True


def _replace(pack: Pack, paced: Pacer) -> int:
    """Write what is right anew; returns how many instances are right nowhere."""
    sources: dict[int, Source] = {}
    saved: list[Instance] = []
    lost = 0
    for copy in pack.copies.select_related("instance__series__study").order_by("offset"):
        source = right_source(copy, paced)
        if source is None:
            lost_in_pack(pack, copy.instance)
            lost += 1
            continue
        sources[copy.instance_id] = source
        saved.append(copy.instance)
    _write_anew(pack, saved, sources, paced)
    with transaction.atomic():
        for start in range(0, len(saved), 500):
            pack.copies.filter(instance__in=saved[start : start + 500]).delete()
        if not lost:
            # With them: a worker that ends here leaves a pack that the sweep removes.
            Pack.objects.filter(pk=pack.pk).update(state=PackState.REMOVING)
    return lost


def _write_anew(pack: Pack, saved: Sequence[Instance], sources: dict[int, Source], paced: Pacer) -> None:
    there = Copy.objects.filter(pack__location=pack.location, pack__state=PackState.VERIFIED)
    have = set(there.filter(instance__copies__pack=pack).values_list("instance", flat=True))
    missing = [instance for instance in saved if instance.pk not in have]
    if not missing:
        return
    fresh = new_pack(pack.location, missing[0], new_ulid())
    try:
        write_pack(fresh, missing, paced, lambda instance: sources[instance.pk]())
        verify_pack(fresh, paced)
    except TierError:
        _remove(fresh)
        raise


def _remove(pack: Pack) -> None:
    Pack.objects.filter(pk=pack.pk).update(state=PackState.REMOVING)
    pack.state = PackState.REMOVING
    try:
        remove_pack(pack)
    except StoreError as error:  # the sweep of packs tries again
        logger.warning("pack not removed yet", extra={"pack": pack.pk, "reason": str(error)})


def right_source(copy: Copy, paced: Pacer) -> Source | None:
    """Where the bytes of a copy's instance are as they were acknowledged; None when nowhere.

    Raises:
        StoreError: a place that may have them cannot be read now, and no other has.
    """
    instance, unread = copy.instance, None
    if _is_right_in_hot_store(instance, paced):
        return partial(read_file, instance)
    for each in copies_to_try(instance):
        source = partial(read_copy, each, instance.size_bytes)
        try:
            reader = Bytes(paced(source()))
            is_right = zlib.crc32(reader.take(instance.data_set_offset)) == copy.head_crc32
            is_right &= reader.sha256(instance.size_bytes - instance.data_set_offset) == instance.sha256
        except (ObjectGone, PackDamaged):
            continue
        except StoreError as error:
            unread = error
            continue
        if is_right:
            return source
    if unread is not None:
        raise unread
    return None


def _is_right_in_hot_store(instance: Instance, paced: Pacer) -> bool:
    """Whether the hot file is that of the row, whose head may be another than the copy's: it may have come in anew."""
    try:
        prove(instance, paced.passes)
    except CannotLook as error:
        raise StoreError(str(error)) from error
    except Unproven:
        return False
    return True
