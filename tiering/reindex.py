"""Make the rows of the database anew from the stores alone: from each hot file, and from each pack of a location.

What has a row already is left as it is, so running twice changes nothing; nothing is removed. Without rows nothing else
says what the bytes of an instance should be: its SHA-256 is that of what is read now.
"""

import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from studies.arrival import Arrival
from studies.dimse import local_spool
from studies.models import Instance, Study
from studies.reindex import CannotBeRead, add_rows, read_stored_file
from studies.storage import location_for
from studies.ulid import is_ulid, moment_of
from tiering import tar
from tiering.carry_out import TIERS
from tiering.contents import UnknownPack, is_pack
from tiering.errors import KeyMissing, PackDamaged
from tiering.models import Copy, Location, Pack, PackState
from tiering.packs import name_in_pack
from tiering.pieces import Bytes
from tiering.reconcile import Kind, Passed, hot_differences, in_batches
from tiering.stores.choose import open_store

BATCH = 200
Tell = Callable[[str], None]


def reindex_hot_store(passed: Passed, tell: Tell) -> int:
    """Write a row for each file that no row names, in order of receipt; returns how many.

    Args:
        passed: called for each file.
        tell: called with a sentence for each file that gets no row.

    Raises:
        StoreError: the hot store cannot be read.
    """
    new = 0
    # Noted first and read after: the comparison is one long read of the rows, beside which SQLite does not write.
    with tempfile.TemporaryFile("w+", dir=local_spool().tmp) as notes:
        for difference in hot_differences(lambda: None):
            if difference.kind == Kind.UNKNOWN_FILE:
                notes.write(json.dumps(difference.name) + "\n")
        notes.seek(0)
        for names in in_batches((json.loads(line) for line in notes), BATCH):
            arrivals = []
            for name in names:
                passed()
                arrivals += _read(Path(settings.GANTRY.storage, name), name, name, tell)
            new += _add(arrivals, tell).new
    return new


def _read(path: Path, name: str, told_as: str, tell: Tell, **columns: str) -> list[Arrival]:
    try:
        return [read_stored_file(path, name, **columns)]
    except CannotBeRead as error:
        tell(f"{told_as}: {error}")
    except OSError as error:
        tell(f"{told_as}: the disk gives an error: {error.strerror}")
    return []


@dataclass(frozen=True)
class _Added:
    new: int
    rows: dict[tuple[str, str], Instance]


def _add(arrivals: list[Arrival], tell: Tell) -> _Added:
    taken = add_rows(arrivals)
    for arrival in taken.deleted:
        tell(f"{arrival.receipt['location']}: it was deleted by somebody, and gets no row")
    for arrival in taken.differing:
        tell(f"{arrival.receipt['location']}: its row says other bytes: one of the two is damaged")
    for arrival in arrivals:
        row = taken.rows.get(arrival.key)
        if row is not None and row.location != arrival.receipt["location"]:
            tell(f"{arrival.receipt['location']}: the same bytes are those of instance {row.pk}")
    return _Added(taken.new, taken.rows)


def reindex_location(location: Location, passed: Passed, tell: Tell) -> int:
    """Read every pack that the database does not know, or not in full; returns how many rows of instances are new.

    Args:
        location: where they are; its tier becomes that of instances that have no row yet.
        passed: called for each object.
        tell: called with a sentence for what cannot be taken in.

    Raises:
        StoreError: the location cannot be read, or in part, for want of a key: what can be read is taken in.
    """
    new, missing = 0, None
    for listed in in_batches(open_store(location).objects(), BATCH):
        known = Pack.objects.filter(location=location, key__in=[key for key, _ in listed])
        packs = {pack.key: pack for pack in known}
        for key, size_bytes in listed:
            passed()
            pack = packs.get(key)
            if not is_pack(key) or (pack is not None and _is_settled(pack)):
                continue
            try:
                new += _take_pack(location, key, size_bytes, pack, tell)
            except KeyMissing as error:  # others may be under other keys
                missing = error
                tell(f"{location.name}: {key}: {error}")
    if missing is not None:
        raise missing
    return new


def _is_settled(pack: Pack) -> bool:
    """All of it is in the index, or others are at it."""
    return pack.state != PackState.VERIFIED or pack.copies.count() >= pack.number_of_instances


@dataclass(frozen=True)
class _Member:
    arrival: Arrival
    name: str
    offset: int
    head_crc32: int


def _take_pack(location: Location, key: str, size_bytes: int, pack: Pack | None, tell: Tell) -> int:
    """Rows for what is in one object, and for the object itself, in one transaction; what is damaged is told."""
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        tell(f"{location.name}: {key}: {text}")

    written = UnknownPack(location, key)
    members = list(_members(written, location, note))
    new = 0
    with transaction.atomic():
        copies: list[Copy] = []
        for batch in in_batches(members, BATCH):
            added = _add([member.arrival for member in batch], note)
            new += added.new
            for member in batch:
                row = added.rows.get(member.arrival.key)
                if row is None or not _is_copy_of(member, row):
                    continue
                if row.head_crc32 not in {None, member.head_crc32}:
                    note(f"{member.name}: its File Meta Information differs: it or instance {row.pk} is damaged")
                    continue
                copies.append(Copy(instance=row, offset=member.offset, head_crc32=member.head_crc32))
        if copies:
            pack = pack or _note_pack(written, copies, size_bytes, "; ".join(notes))
            _note_copies(pack, copies)
            settle_studies({copy.instance.series.study_id for copy in copies})
    return new


def _is_copy_of(member: _Member, row: Instance) -> bool:
    """Whether it is the very file of the row: the same data set may have come in twice, with other receipts."""
    receipt = member.arrival.receipt
    same_extent = (receipt["size_bytes"], receipt["data_set_offset"]) == (row.size_bytes, row.data_set_offset)
    return same_extent and member.name == name_in_pack(row)


def _note_pack(written: UnknownPack, copies: list[Copy], size_bytes: int, note: str) -> Pack:
    return Pack.objects.create(
        location=written.location,
        key=written.key,
        study_id=copies[0].instance.series.study_id,
        state=PackState.VERIFIED,
        verified_at=timezone.now(),
        size_bytes=size_bytes,
        number_of_instances=len(copies),
        note=note[:400],
        **written.columns(),
    )


def _note_copies(pack: Pack, copies: list[Copy]) -> None:
    if pack.study_id is None:
        Pack.objects.filter(pk=pack.pk).update(study=copies[0].instance.series.study_id)
    for copy in copies:
        copy.pack = pack
    # What is noted already stays.
    Copy.objects.bulk_create(copies, batch_size=500, ignore_conflicts=True)


def settle_studies(study_pks: set[int]) -> None:
    """What a study's row sums up and the index does not expect to come from a slower tier, or late."""
    for study in Study.objects.filter(pk__in=study_pks).order_by("pk"):
        instances = Instance.objects.filter(series__study=study).order_by()
        tier = max(instances.values_list("tier", flat=True).distinct(), key=TIERS.index)
        received_at = instances.aggregate(first=Min("received_at"))["first"]
        if (tier, received_at) != (study.tier, study.received_at):
            Study.objects.filter(pk=study.pk).update(tier=tier, received_at=received_at)


def _members(written: UnknownPack, location: Location, note: Tell) -> Iterator[_Member]:
    """Every instance of a pack as it streams by; up to where it is damaged."""
    reader = Bytes(written.tar())
    try:
        while (block := reader.take(tarfile.BLOCKSIZE)).strip(b"\0"):
            info = tarfile.TarInfo.frombuf(block, "ascii", "surrogateescape")
            yield from _member(reader, info, location, note)
            reader.skip(len(tar.filling(info.size)))
        reader.skip_rest()
    except (PackDamaged, tarfile.HeaderError) as error:
        note(f"{error}; what is behind is not taken in")


def _member(reader: Bytes, info: tarfile.TarInfo, location: Location, note: Tell) -> Iterator[_Member]:
    offset = reader.position
    file_name = PurePosixPath(info.name).name
    ulid = file_name.removesuffix(".dcm")
    if not is_ulid(ulid):
        reader.skip(info.size)
        note(f"{info.name} is none of ours")
        return
    with tempfile.TemporaryDirectory(dir=local_spool().tmp) as folder:
        path = Path(folder, file_name)
        with path.open("wb") as file:
            for piece in reader.some(info.size):
                file.write(piece)
        received_at = moment_of(ulid).timestamp()
        os.utime(path, (received_at, received_at))
        for arrival in _read(path, location_for(ulid), info.name, note, tier=location.tier):
            yield _Member(arrival, info.name, offset, arrival.receipt["head_crc32"])
