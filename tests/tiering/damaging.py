"""Disks that lose bits, and what a month of them looks like."""

import os
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from studies.integrity import believed
from studies.models import Instance
from tiering.chunked.layout import Layout
from tiering.models import Copy, Damage, LocationKind, Pack, ScrubRange
from tiering.stores.choose import open_store


def flip_bit(path: Path, place: int) -> None:
    """Another bit at a place, and a disk that does not say so: size and times stay."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << place % 8
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def object_of(pack: Pack) -> Path:
    """The file of a pack in a folder location."""
    return Path(pack.location.path, pack.key)


def place_of(pack: Pack, offset: int) -> int:
    """Where in its object a byte of its TAR is, or the middle of the chunk that has it."""
    if not pack.layout:
        return offset
    span = Layout.parsed(bytes(pack.layout)).span(offset, 1)
    return span.offset + span.size_bytes // 2


def flip_copy(copy: Copy, *, in_head: bool = False) -> None:
    """A bit of one instance's data set in its pack, or of what comes before it."""
    offset = copy.offset + (5 if in_head else copy.instance.size_bytes - 2)
    place = place_of(copy.pack, offset)
    if copy.pack.location.kind == LocationKind.FILESYSTEM:
        flip_bit(object_of(copy.pack), place)
        return
    store = open_store(copy.pack.location)
    content = bytearray(b"".join(store.read(copy.pack.key)))
    content[place] ^= 1
    store.write(copy.pack.key, [bytes(content)])


def a_month_passes() -> None:
    """Everything was read long ago, and is due again."""
    month = timedelta(days=31)
    Instance.objects.update(indexed_at=timezone.now() - month)
    ScrubRange.objects.update(verified_at=timezone.now() - month)
    Pack.objects.update(verified_at=timezone.now() - month)
    Damage.objects.update(tried_at=timezone.now() - month)
    believed.clear()
