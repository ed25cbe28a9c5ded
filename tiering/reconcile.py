"""Compare what the stores hold with what the database says, both ways, without holding either in memory.

The hot store is walked in the order of its names beside the rows in the same order. Of a location each object is looked
up as it is listed, and a byte for each pack notes that it was seen. What seems to differ is looked at once more before
it is told: instances come in, move and go meanwhile.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import F, Max
from django.db.models.functions import Collate

from studies.deletions.models import DeletedFile
from studies.dimse import local_spool
from studies.disk import files_below
from studies.integrity import path_of
from studies.models import Instance, Tier
from studies.proof import CannotLook, Unproven, prove
from tiering import keys
from tiering.damage import HOT_STORE
from tiering.errors import PackDamaged, StoreError
from tiering.hot_file import PART
from tiering.models import DataKey, Location, Pack, PackState
from tiering.pace import Pacer
from tiering.packs import verify_pack
from tiering.stores.choose import open_store
from tiering.stores.store import Store

BATCH = 500
YOUNG_SECONDS = 86_400  # in which a part may become a file yet
SETTLED = (PackState.VERIFIED, PackState.DAMAGED)  # has an object, or should have
Passed = Callable[[], None]
Thing = TypeVar("Thing")


class Kind(StrEnum):
    """In what way they differ, for people."""

    UNKNOWN_FILE = "file that no row names"
    MISSING_FILE = "hot file is missing"
    OTHER_FILE = "hot file has other bytes"
    UNKNOWN_OBJECT = "object that no row names"
    MISSING_OBJECT = "pack has no object"
    OTHER_OBJECT = "pack has other bytes"
    KEY_OBJECT = "key of packs is not in the location"


@dataclass(frozen=True, slots=True)
class Difference:
    """One that was looked at twice.

    Attributes:
        where: the hot store, or the name of a location.
        name: of the file or object.
        pk: of the instance or pack; None when no row names it.
        detail: what is there and what should be.
    """

    where: str
    kind: Kind
    name: str
    pk: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    location: str
    pk: int
    tier: str
    size_bytes: int


def hot_differences(passed: Passed) -> Iterator[Difference]:
    """Files against rows by name and size.

    Args:
        passed: called for each file and row, or both together.

    Raises:
        StoreError: the hot store cannot be read.
    """
    suspects: list[tuple[_Row | None, str]] = []
    for row, name, size in _side_by_side(_rows_by_location(), _files()):
        passed()
        is_wrong = row is None or (row.tier == Tier.HOT and size != row.size_bytes)
        if is_wrong:
            suspects.append((row, name))
        if len(suspects) >= BATCH:
            yield from _looked_at_again(suspects)
            suspects = []
    yield from _looked_at_again(suspects)


def _files() -> Iterator[tuple[str, int]]:
    try:
        yield from files_below(settings.GANTRY.storage)
    except OSError as error:
        raise StoreError(f"the hot store cannot be read: {error.strerror}") from error


def _rows_by_location() -> Iterator[_Row]:
    # By bytes, as the files: the collation of a database passes over slashes and dots. One sort, for which no index
    # has to be kept up while instances come in.
    order = Collate(F("location"), "C") if connection.vendor == "postgresql" else F("location")
    names = ("location", "pk", "tier", "size_bytes")
    for values in Instance.objects.order_by(order).values_list(*names).iterator(2000):
        yield _Row(*values)


def _side_by_side(
    rows: Iterator[_Row], files: Iterator[tuple[str, int]]
) -> Iterator[tuple[_Row | None, str, int | None]]:
    """Row, name and size of the file; what has no partner comes alone."""
    row, file = next(rows, None), next(files, None)
    while row is not None or file is not None:
        if file is None or (row is not None and row.location < file[0]):
            assert row is not None  # noqa: S101 (one of them is there)
            yield row, row.location, None
            row = next(rows, None)
        elif row is None or file[0] < row.location:
            yield None, *file
            file = next(files, None)
        else:
            yield row, *file
            previous, row = row, next(rows, None)
            if row is None or row.location != previous.location:
                file = next(files, None)


def _looked_at_again(suspects: list[tuple[_Row | None, str]]) -> Iterator[Difference]:
    names = [name for row, name in suspects if row is None]
    known = set(Instance.objects.filter(location__in=names).values_list("location", flat=True))
    known |= set(DeletedFile.objects.filter(location__in=names).values_list("location", flat=True))
    hot = Instance.objects.in_bulk([row.pk for row, _ in suspects if row is not None])
    for row, name in suspects:
        if row is None:
            if name not in known and not _is_on_its_way(name):
                yield Difference(HOT_STORE, Kind.UNKNOWN_FILE, name)
        elif (instance := hot.get(row.pk)) is not None and instance.tier == Tier.HOT:
            yield from _difference_of(instance)


def _is_on_its_way(name: str) -> bool:
    """Whether it waits for the index, is being written, or is gone by now."""
    path = Path(settings.GANTRY.storage, name)
    try:
        is_young = time.time() - path.stat().st_mtime < YOUNG_SECONDS
    except OSError:
        return True
    return local_spool().has(path.name) or (name.endswith(PART) and is_young)


def _difference_of(instance: Instance) -> Iterator[Difference]:
    try:
        size = path_of(instance).stat().st_size
    except FileNotFoundError:
        yield Difference(HOT_STORE, Kind.MISSING_FILE, instance.location, instance.pk)
        return
    except OSError as error:
        raise StoreError(f"the hot store cannot be read: {error.strerror}") from error
    if size != instance.size_bytes:
        detail = f"{size:,} bytes, not {instance.size_bytes:,}"
        yield Difference(HOT_STORE, Kind.OTHER_FILE, instance.location, instance.pk, detail)


def hot_hash_differences(passed: Passed) -> Iterator[Difference]:
    """Every hot file read in full and compared with its row; what is missing or cut off is told elsewhere.

    Raises:
        StoreError: this machine lacks what it takes to read.
    """
    last_pk = 0
    while batch := list(Instance.objects.filter(tier=Tier.HOT, pk__gt=last_pk).order_by("pk")[:BATCH]):
        last_pk = batch[-1].pk
        for instance in batch:
            passed()
            try:
                if path_of(instance).stat().st_size == instance.size_bytes:
                    prove(instance)
            except FileNotFoundError:
                continue
            except CannotLook as error:
                raise StoreError(str(error)) from error
            except Unproven as error:
                yield Difference(HOT_STORE, Kind.OTHER_FILE, instance.location, instance.pk, str(error))


def location_differences(location: Location, passed: Passed) -> Iterator[Difference]:
    """Objects of a location against its packs by name and size.

    Raises:
        StoreError: it cannot be read.
    """
    store = open_store(location)
    last_pk = Pack.objects.aggregate(last=Max("pk"))["last"] or 0
    seen = bytearray(last_pk + 1)
    for listed in in_batches(store.objects(), BATCH):
        packs = {pack.key: pack for pack in Pack.objects.filter(location=location, key__in=_keys(listed))}
        for key, size in listed:
            passed()
            if key.startswith(keys.FOLDER):
                continue
            pack = packs.get(key.removesuffix(PART))
            if pack is None:
                yield from _unknown_object(store, location, key)
                continue
            if pack.pk <= last_pk and pack.key == key:
                seen[pack.pk] = 1
            if pack.key == key and pack.size_bytes != size:
                yield from _other_object(store, pack)
    settled = Pack.objects.filter(location=location, pk__lte=last_pk, state__in=SETTLED)
    for pack in settled.defer("layout").iterator(2000):
        if not seen[pack.pk]:
            yield from _other_object(store, pack)
    for data_key in DataKey.objects.filter(location=location).select_related("location"):
        if problem := keys.object_problem(data_key):
            name = keys.object_name(data_key.ident)
            yield Difference(location.name, Kind.KEY_OBJECT, name, data_key.pk, problem)


def _keys(listed: list[tuple[str, int]]) -> set[str]:
    """A part belongs to the object that is being written."""
    return {key.removesuffix(PART) for key, _ in listed}


def _unknown_object(store: Store, location: Location, key: str) -> Iterator[Difference]:
    if store.size(key) is not None and not Pack.objects.filter(location=location, key=key).exists():
        yield Difference(location.name, Kind.UNKNOWN_OBJECT, key)


def _other_object(store: Store, pack: Pack) -> Iterator[Difference]:
    current = Pack.objects.filter(pk=pack.pk, state__in=SETTLED).select_related("location").first()
    if current is None:
        return
    size = store.size(current.key)
    if size is None:
        yield Difference(current.location.name, Kind.MISSING_OBJECT, current.key, current.pk)
    elif size != current.size_bytes:
        detail = f"{size:,} bytes, not {current.size_bytes:,}"
        yield Difference(current.location.name, Kind.OTHER_OBJECT, current.key, current.pk, detail)


def location_hash_differences(location: Location, passed: Passed) -> Iterator[Difference]:
    """Every pack that counts as verified read in full; what is damaged is not relied on any more from then on.

    Raises:
        StoreError: it cannot be read.
    """
    for pack in Pack.objects.filter(location=location, state=PackState.VERIFIED).order_by("pk").iterator(100):
        passed()
        try:
            if open_store(location).size(pack.key) == pack.size_bytes:
                verify_pack(pack, Pacer())
        except PackDamaged as error:
            yield Difference(location.name, Kind.OTHER_OBJECT, pack.key, pack.pk, str(error))


def in_batches(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    """Lists of so many, the last one shorter."""
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch
