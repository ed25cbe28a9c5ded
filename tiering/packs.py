"""Write the instances of a series as one object, and prove it: read it back and compare every data set with the index.

The hash that is compared is the one that was taken when the instance was acknowledged, so it says in one that the
source was right, that the way there was, and that the location gives back what it was given.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from django.db import transaction
from django.utils import timezone

from studies.models import Instance
from tiering import tar
from tiering.at_rest import ask_about
from tiering.contents import IN_CHUNKS, PLAIN, Ranges, read_tar, write_tar
from tiering.damage import mark_damaged
from tiering.errors import ObjectAtRest, PackDamaged, StoreError, TierError
from tiering.keys import key_to_write_with
from tiering.models import AT_REST, Copy, Location, Pack, PackState
from tiering.pace import Pacer
from tiering.pieces import Bytes
from tiering.sources import read_stored
from tiering.stores.choose import open_store
from tiering.stores.store import Store

MAXIMUM_PACK_BYTES = 4 << 30
MAXIMUM_PACK_INSTANCES = 5_000
Read = Callable[[Instance], Iterator[bytes]]


def name_in_pack(instance: Instance) -> str:
    """SOP Instance UID and the name of its file in the hot store, which tells contents of one UID apart."""
    return f"{_plain(instance.sop_instance_uid)}/{instance.location.rsplit('/', 1)[-1]}"


def in_packs(instances: Iterable[Instance]) -> Iterator[list[Instance]]:
    """Instances of one series in lists that each make a pack."""
    found: list[Instance] = []
    size = 0
    for instance in instances:
        if found and (size + instance.size_bytes > MAXIMUM_PACK_BYTES or len(found) == MAXIMUM_PACK_INSTANCES):
            yield found
            found, size = [], 0
        found.append(instance)
        size += instance.size_bytes
    if found:
        yield found


def write_pack(pack: Pack, instances: Sequence[Instance], paced: Pacer, read: Read | None = None) -> None:
    """Write an object that holds these instances, and note where each is; what an earlier try left is replaced.

    Args:
        pack: its row.
        instances: what it is to hold, with ``series__study``.
        paced: lets the bytes through.
        read: gives all bytes of an instance's file; None: from wherever it is stored.

    Raises:
        StoreError: the location, or where the instances are, cannot be used now.
        SourceDamaged: an instance is nowhere in its full size.
    """
    copies: list[Copy] = []
    read = read or partial(read_stored, ranges=Ranges())
    pieces = _pieces(pack, instances, copies, lambda instance: paced(read(instance)))
    size, layout = write_tar(pack, pieces)
    with transaction.atomic():
        row = Pack.objects.filter(pk=pack.pk)
        is_ours = row.update(size_bytes=size, number_of_instances=len(copies), layout=layout)
        if is_ours:
            pack.copies.all().delete()
            Copy.objects.bulk_create(copies, batch_size=500)
    if not is_ours:
        # Whoever took it for abandoned has removed its row, and an object that was not there yet.
        open_store(pack.location).remove(pack.key)
        raise StoreError(f"{pack.location} took too long: somebody else has begun again")
    pack.size_bytes, pack.number_of_instances, pack.layout = size, len(copies), layout


def _pieces(pack: Pack, instances: Sequence[Instance], copies: list[Copy], read: Read) -> Iterator[bytes]:
    position = 0
    for instance in instances:
        block = tar.header(name_in_pack(instance), instance.size_bytes)
        yield block
        position += len(block)
        copy = Copy(instance=instance, pack=pack, offset=position, head_crc32=0)
        yield from _with_head_crc32(copy, instance.data_set_offset, read(instance))
        if instance.head_crc32 is not None:  # so that what is wrong at its source is found when the pack is read back
            copy.head_crc32 = instance.head_crc32
        copies.append(copy)
        end = tar.filling(instance.size_bytes)
        yield end
        position += instance.size_bytes + len(end)
    yield tar.END


def _with_head_crc32(copy: Copy, head_bytes: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    left = head_bytes
    for piece in pieces:
        if left:
            copy.head_crc32 = zlib.crc32(piece[:left], copy.head_crc32)
            left = max(0, left - len(piece))
        yield piece


def verify_pack(pack: Pack, paced: Pacer) -> None:
    """Read a pack to its end, compare every instance, and note what was found.

    What is in cold storage of its service, since it was read back, is not read but asked about: nothing is restored.

    Raises:
        PackDamaged: it is not what was acknowledged; no copy in it is relied on from now on.
        StoreError: it cannot be read now; nothing is known of it.
    """
    try:
        sha256, note = _looked_at(pack, paced)
    except PackDamaged as error:
        mark_damaged(pack, str(error))
        raise
    right = Pack.objects.filter(pk=pack.pk).exclude(state=PackState.REMOVING)
    if not right.update(state=PackState.VERIFIED, verified_at=timezone.now(), note=note, sha256=sha256):
        raise StoreError(f"the pack {pack.key} was given up while it was read")


def _looked_at(pack: Pack, paced: Pacer) -> tuple[str, str]:
    """SHA-256 of the object where it will be needed, and how it was looked at where it was not read."""
    try:
        return _compare(open_store(pack.location), pack, paced) or pack.sha256, ""
    except ObjectAtRest:
        return pack.sha256, ask_about(pack)


def _compare(store: Store, pack: Pack, paced: Pacer) -> str:
    size = store.size(pack.key)
    if size != pack.size_bytes:
        raise PackDamaged(f"it has {'no object' if size is None else f'{size} bytes'}, not {pack.size_bytes} bytes")
    digest = hashlib.sha256()
    will_rest = pack.location.storage_class in AT_REST

    def read(pieces: Iterable[bytes]) -> Iterator[bytes]:
        # Of the object as it is stored, for that is what the service hashes.
        return paced(_hashed(pieces, digest.update) if will_rest else pieces)

    reader = Bytes(read_tar(pack, read))
    for copy in pack.copies.select_related("instance").order_by("offset").iterator(500):
        instance = copy.instance
        block = reader.take(copy.offset - reader.position)
        if block[-512:] != tar.header(name_in_pack(instance), instance.size_bytes):
            raise PackDamaged(f"instance {instance.pk} does not begin at byte {copy.offset}", instance.pk)
        if zlib.crc32(reader.take(instance.data_set_offset)) != copy.head_crc32:
            raise PackDamaged(f"the File Meta Information of instance {instance.pk} differs", instance.pk)
        if reader.sha256(instance.size_bytes - instance.data_set_offset) != instance.sha256:
            raise PackDamaged(f"the SHA-256 of the data set of instance {instance.pk} differs", instance.pk)
    reader.skip_rest()
    return digest.hexdigest() if will_rest else ""


def _hashed(pieces: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        update(piece)
        yield piece


def remove_pack(pack: Pack) -> None:
    """Remove an object that nobody relies on any more, then its row.

    Raises:
        TierError: it is relied on, or the location cannot be used now.
    """
    if pack.state not in {PackState.REMOVING, PackState.WRITING}:
        raise TierError(f"pack {pack.pk} is {pack.get_state_display().lower()} and is not removed")
    store = open_store(pack.location)
    store.remove(pack.key)
    if not pack.number_of_instances:  # whoever wrote it did not come to its end
        store.clear(pack.key)
    pack.damages.filter(repaired_at=None).update(repaired_at=timezone.now(), note="The pack was removed.")
    pack.delete()


def key_for(study_uid: str, series_uid: str, name: str) -> str:
    """``<study>/<series>/<name>``: a person who looks for a study finds it without the database."""
    return f"{_plain(study_uid)}/{_plain(series_uid)}/{name}"


def _plain(uid: str) -> str:
    """A UID as a name; devices write other characters into UIDs than they may (PS3.5 9.1)."""
    return re.sub(r"[^0-9A-Za-z.-]|^\.+$", "_", uid)


def new_pack(location: Location, first: Instance, ulid: str) -> Pack:
    """A row for an object that is to be written as its location asks: it comes first, so that no object is forgotten.

    Raises:
        StoreError: the location cannot be used now, or its key is not at hand.
    """
    series = first.series
    data_key = key_to_write_with(location) if location.is_encrypted else None
    name = ulid + (IN_CHUNKS if location.compression or data_key else PLAIN)
    key = key_for(series.study.study_instance_uid, series.series_instance_uid, name)
    return Pack.objects.create(
        location=location, study=series.study, key=key, compression=location.compression, data_key=data_key
    )
