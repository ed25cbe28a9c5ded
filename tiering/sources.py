"""The bytes of a stored instance, wherever they are: its file in the hot store, else a verified copy."""

import hashlib
import zlib
from collections.abc import Iterator

from django.db.models import QuerySet

from studies.integrity import path_of
from studies.models import Instance, Tier
from tiering.contents import Ranges, read_range
from tiering.damage import mark_damaged
from tiering.errors import PackDamaged, SourceDamaged, StoreError
from tiering.models import Copy, PackState
from tiering.stores.store import READ_BYTES


def verified_copies(instance: Instance) -> list[Copy]:
    """Its copies that were read back and were right; the quickest and cheapest to read first."""
    copies = _copies(instance, PackState.VERIFIED)
    order = ("pack__location__expected_latency_seconds", "pack__location__cost_per_gb_read", "-pk")
    return list(copies.order_by(*order))


def copies_to_try(instance: Instance) -> list[Copy]:
    """All its copies, those in damaged packs last: damage in a pack is seldom damage of each instance in it.

    For whoever hashes what is read before anything is made of it, and for nobody else.
    """
    return [*verified_copies(instance), *_copies(instance, PackState.DAMAGED).order_by("-pk")]


def _copies(instance: Instance, state: str) -> QuerySet[Copy]:
    copies = Copy.objects.filter(instance=instance, pack__state=state)
    return copies.select_related("pack__location", "pack__data_key")


def forget_copies(instance_pk: int) -> None:
    """Its row is about to say of another file how long it is and where its data set begins (studies.index).

    By that its copies would not be found any more; they are made anew before the file leaves the hot store.
    """
    Copy.objects.filter(instance=instance_pk).delete()


def read_stored(instance: Instance, ranges: Ranges) -> Iterator[bytes]:
    """All bytes of its file in pieces; whoever takes them compares them.

    Args:
        instance: of which a file or a verified copy is read.
        ranges: reads the copies, also those of the instances before.

    Raises:
        SourceDamaged: it is nowhere in its full size.
        PackDamaged: the copy that was tried is not what was written.
        StoreError: where it is cannot be read now.
    """
    if instance.tier == Tier.HOT:
        yield from read_file(instance)
        return
    copies = verified_copies(instance)
    if not copies:
        raise SourceDamaged(f"instance {instance.pk} has no verified copy")
    try:
        yield from ranges.read(copies[0].pack, copies[0].offset, instance.size_bytes)
    except PackDamaged as error:
        mark_damaged(copies[0].pack, f"instance {instance.pk}: {error}")  # the next attempt takes another copy
        raise


def read_copy(copy: Copy, size_bytes: int) -> Iterator[bytes]:
    """The bytes of one copy in pieces.

    Raises:
        PackDamaged: they are not what was written; of a plain TAR whoever hashes them finds that out.
        StoreError: it cannot be read now.
    """
    yield from read_range(copy.pack, copy.offset, size_bytes)


def read_file(instance: Instance) -> Iterator[bytes]:
    """The bytes of its file in the hot store in pieces.

    Raises:
        SourceDamaged: it is gone, or has another size.
        StoreError: the hot store cannot be read now.
    """
    left = instance.size_bytes
    try:
        with path_of(instance).open("rb", buffering=0) as file:
            while piece := file.read(READ_BYTES):
                left -= len(piece)
                yield piece
    except FileNotFoundError as error:
        raise SourceDamaged(f"the file of instance {instance.pk} is gone from the hot store") from error
    except OSError as error:
        raise StoreError(f"the hot store cannot be read: {error.strerror}") from error
    if left:
        raise SourceDamaged(f"the file of instance {instance.pk} has another size than it was stored with")


def is_intact_in_hot_store(instance: Instance) -> bool:
    """Whether the hot store has its file as it was acknowledged."""
    digest, left = hashlib.sha256(), instance.size_bytes - instance.data_set_offset
    try:
        with path_of(instance).open("rb", buffering=0) as file:
            if instance.head_crc32 not in {None, zlib.crc32(file.read(instance.data_set_offset))}:
                return False
            file.seek(instance.data_set_offset)
            while piece := file.read(READ_BYTES):
                digest.update(piece)
                left -= len(piece)
    except OSError:
        return False
    return left == 0 and digest.hexdigest() == instance.sha256
