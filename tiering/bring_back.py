"""Bring a study's files back to the hot store from its packs: each is hashed while it is written, and read back."""

from collections.abc import Iterator
from pathlib import Path

from studies.disk import sync_folder
from studies.models import Instance, Study, Tier
from tiering.contents import read_range
from tiering.damage import mark_damaged
from tiering.errors import ObjectAtRest, PackDamaged, SourceDamaged
from tiering.hot_file import write_file
from tiering.models import Copy, Pack, PackState
from tiering.pace import Pacer
from tiering.pieces import Bytes
from tiering.sources import copies_to_try, is_intact_in_hot_store


def bring_back(study: Study, paced: Pacer) -> None:
    """Have every file of the study in the hot store again.

    Raises:
        StoreError: a location cannot be read now, or the hot store not be written; what is back stays.
        ObjectAtRest: some of it is in cold storage, and nowhere else; all others are back.
        SourceDamaged: no copy of an instance is what was acknowledged; all others are back.
    """
    away = Instance.objects.filter(series__study=study).exclude(tier=Tier.HOT).order_by("pk")
    missing: dict[int, Instance] = {}
    for instance in away:
        paced.passes(0)  # to hash what is there takes its time too
        if not is_intact_in_hot_store(instance):
            missing[instance.pk] = instance
    folders: set[Path] = set()
    spent: set[int] = set()  # packs: each is read once
    lost: list[int] = []
    at_rest, needed = set[int](), set[int]()  # packs
    try:
        while missing:
            first = next(iter(missing.values()))
            copies = copies_to_try(first)
            pack = next((copy.pack for copy in copies if copy.pack_id not in spent), None)
            if pack is None:
                resting = next((copy.pack_id for copy in copies if copy.pack_id in at_rest), None)
                needed.update([resting] if resting else [])
                lost.extend([] if resting else [first.pk])
                del missing[first.pk]
                continue
            spent.add(pack.pk)
            try:
                _take_from(pack, missing, paced, folders)
            except ObjectAtRest:  # a copy that can be read now is taken, where there is one
                at_rest.add(pack.pk)
    finally:
        for folder in folders:
            sync_folder(folder)
    if needed:
        raise ObjectAtRest("its copies are in cold storage", needed)
    if lost:
        raise SourceDamaged(f"instance {lost[0]} has no copy that is what was acknowledged ({len(lost)} in all)")


def _take_from(pack: Pack, missing: dict[int, Instance], paced: Pacer, folders: set[Path]) -> None:
    """Write every missing file that a pack holds, in one read of each stretch of it."""
    copies = [copy for copy in pack.copies.order_by("offset") if copy.instance_id in missing]
    for stretch in _stretches(copies, missing):
        left = stretch
        while left:
            left = _take_stretch(pack, left, missing, paced, folders)


def _take_stretch(
    pack: Pack, stretch: list[Copy], missing: dict[int, Instance], paced: Pacer, folders: set[Path]
) -> list[Copy]:
    """Up to one that is damaged; returns those behind it, for another read."""
    begin, last = stretch[0].offset, stretch[-1]
    end = last.offset + missing[last.instance_id].size_bytes
    reader = Bytes(paced(read_range(pack, begin, end - begin)))
    for number, copy in enumerate(stretch, 1):
        instance = missing[copy.instance_id]
        try:
            reader.skip(copy.offset - begin - reader.position)
            folders.update(write_file(instance, reader, copy.head_crc32))
        except PackDamaged as error:
            if pack.state == PackState.VERIFIED:
                mark_damaged(pack, f"instance {instance.pk}: {error}")
            return stretch[number:]  # of this one another copy is taken, where there is one
        del missing[copy.instance_id]
    return []


def _stretches(copies: list[Copy], missing: dict[int, Instance]) -> Iterator[list[Copy]]:
    """Copies that lie one behind the other: what is between two of them costs less than another request."""
    stretch: list[Copy] = []
    for copy in copies:
        if stretch:
            end = stretch[-1].offset + missing[stretch[-1].instance_id].size_bytes
            if copy.offset - end > 1 << 20:
                yield stretch
                stretch = []
        stretch.append(copy)
    if stretch:
        yield stretch
