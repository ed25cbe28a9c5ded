"""Bring a study's files back to the hot store from its packs: each is hashed while it is written, and read back."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from studies.disk import sync_folder
from studies.integrity import path_of
from studies.models import Instance, Study, Tier
from tiering.errors import PackDamaged, SourceDamaged, StoreError
from tiering.models import Copy, Pack
from tiering.pace import Pacer
from tiering.packs import mark_damaged
from tiering.sources import Bytes, is_intact_in_hot_store, verified_copies
from tiering.stores.choose import open_store

PART = ".part"


def bring_back(study: Study, paced: Pacer) -> None:
    """Have every file of the study in the hot store again.

    Raises:
        StoreError: a location cannot be read now, or the hot store not be written; what is back stays.
        SourceDamaged: no copy of an instance is what was acknowledged.
    """
    away = Instance.objects.filter(series__study=study).exclude(tier=Tier.HOT).order_by("pk")
    missing = {instance.pk: instance for instance in away if not is_intact_in_hot_store(instance)}
    folders: set[Path] = set()
    try:
        while missing:
            first = next(iter(missing.values()))
            copies = verified_copies(first)
            if not copies:
                raise SourceDamaged(f"instance {first.pk} has no copy that is what was acknowledged")
            _take_from(copies[0].pack, missing, paced, folders)
    finally:
        for folder in folders:
            sync_folder(folder)


def _take_from(pack: Pack, missing: dict[int, Instance], paced: Pacer, folders: set[Path]) -> None:
    """Write every missing file that a pack holds, in one read of each stretch of it."""
    copies = [copy for copy in pack.copies.order_by("offset") if copy.instance_id in missing]
    store = open_store(pack.location)
    for stretch in _stretches(copies, missing):
        begin, last = stretch[0].offset, stretch[-1]
        end = last.offset + missing[last.instance_id].size_bytes
        reader = Bytes(paced(store.read(pack.key, begin, end - begin)))
        for copy in stretch:
            instance = missing[copy.instance_id]
            try:
                reader.skip(copy.offset - begin - reader.position)
                _write(instance, reader, folders)
            except PackDamaged as error:
                mark_damaged(pack, f"instance {instance.pk}: {error}")
                return  # another copy is taken, where there is one
            del missing[copy.instance_id]


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


def _write(instance: Instance, reader: Bytes, folders: set[Path]) -> None:
    target = path_of(instance)
    part = target.with_name(target.name + PART)
    digest = hashlib.sha256()
    head = instance.data_set_offset
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb", buffering=0) as file:
            for piece in reader.some(instance.size_bytes):
                file.write(piece)
                digest.update(piece[min(head, len(piece)) :])
                head -= min(head, len(piece))
            os.fdatasync(file.fileno())
        if digest.hexdigest() != instance.sha256:
            part.unlink()
            raise PackDamaged("the SHA-256 of its data set differs")
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreError(f"the hot store cannot be written: {error.strerror}") from error
    if not is_intact_in_hot_store(instance):
        raise StoreError("the hot store gave back other bytes than were written to it")
    folders.update({target.parent, target.parent.parent, target.parent.parent.parent})
