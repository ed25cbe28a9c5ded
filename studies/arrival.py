"""One spooled file as the index needs it: columns of its study, series and instance, and checksums of its bytes."""

import hashlib
import mmap
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import models

from studies.attributes import INDEX_TAGS, SPECIFIC_CHARACTER_SET, Level, of_level
from studies.header import Header
from studies.models import NOTE_LENGTH, Instance, Series, Study
from studies.reading import header_of
from studies.storage import location_for

MAXIMUM_INTEGER = 2**31 - 1
_MODELS: dict[Level, type[models.Model]] = {Level.STUDY: Study, Level.SERIES: Series, Level.IMAGE: Instance}
# Decoded columns by level and raw values: the instances of a series say the same of study and series, and decoding is
# most of what reading a header costs. Bounded in number and, by what a key may weigh, in bytes.
_decoded: dict[tuple[Any, ...], dict[str, Any]] = {}
MAXIMUM_DECODED = 512
MAXIMUM_KEY_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file in the spool, read.

    Attributes:
        study, series, instance: column values by field name; arrivals that say the same may share one object.
        receipt: columns of the instance that tell how it came in and where its bytes are.
    """

    path: Path
    study: dict[str, Any]
    series: dict[str, Any]
    instance: dict[str, Any]
    receipt: dict[str, Any]

    @property
    def sop_instance_uid(self) -> str:
        """What it is found by."""
        return str(self.instance["sop_instance_uid"])

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others: same UID and same bytes is the same instance."""
        return self.sop_instance_uid, self.receipt["sha256"]


def read_arrival(path: Path) -> Arrival:
    """Read one spooled file.

    Raises:
        NotPart10, MalformedDataSet: neither the scan nor pydicom can read it.
        OSError: it cannot be read.
    """
    header = header_of(path, INDEX_TAGS)
    sha256, head_crc32 = checksums(path, header.meta.data_set_offset)
    receipt = {
        "transfer_syntax_uid": header.meta.transfer_syntax_uid,
        "location": location_for(path.stem),
        "size_bytes": header.size_bytes,
        "data_set_offset": header.meta.data_set_offset,
        "sha256": sha256,
        "head_crc32": head_crc32,
        "header_note": header.note()[:NOTE_LENGTH],
        "calling_ae_title": header.meta.sending_ae_title[:16],
        "called_ae_title": header.meta.receiving_ae_title[:16],
        "source_address": header.source_address[:45],
        "fetched_from": header.fetched_from[:64],
        "received_at": header.received_at or datetime.fromtimestamp(path.stat().st_mtime, UTC),
    }
    return Arrival(
        path, columns(header, Level.STUDY), columns(header, Level.SERIES), columns(header, Level.IMAGE), receipt
    )


def columns(header: Header, level: Level) -> dict[str, Any]:
    """The level's attributes by field name, cut to what the column takes; the file keeps the rest."""
    if level is Level.IMAGE:  # no two are alike
        return _decode(header, level)
    found = header.found
    raw = [found.values.get(tag) for tag in _RAW_TAGS[level]]
    if sum(len(each[1]) for each in raw if each) > MAXIMUM_KEY_BYTES:
        return _decode(header, level)
    key = (level, found.is_little_endian, *raw)
    values = _decoded.get(key)
    if values is None:
        if len(_decoded) >= MAXIMUM_DECODED:
            _decoded.clear()
        values = _decoded[key] = _decode(header, level)
    return values


def _decode(header: Header, level: Level) -> dict[str, Any]:
    return {field: take(header.text(tag)) for tag, field, take in _TAKES[level]}


def _takes(model: type[models.Model], name: str) -> Callable[[str], Any]:
    """How a text becomes a value of a model's field."""
    field = model._meta.get_field(name)
    if isinstance(field, models.IntegerField):
        return _number
    length = getattr(field, "max_length", None)
    return lambda text: text[:length]


def checksums(path: Path, offset: int) -> tuple[str, int]:
    """SHA-256 of the data set's bytes, and CRC-32 of what comes before them."""
    # A map, not reads: of half a megabyte it saves the copy, and of gigabytes it holds nothing.
    with open(path, "rb", buffering=0) as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return hashlib.sha256(memoryview(mapped)[offset:]).hexdigest(), zlib.crc32(memoryview(mapped)[:offset])


def _number(text: str) -> int | None:
    try:
        number = int(text.split("\\", maxsplit=1)[0])
    except ValueError:
        return None
    return number if 0 <= number <= MAXIMUM_INTEGER else None


_TAKES = {
    level: [(each.tag, each.field, _takes(model, each.field)) for each in of_level(level)]
    for level, model in _MODELS.items()
}
# The values of a level mean what they mean in a character set.
_RAW_TAGS = {level: [SPECIFIC_CHARACTER_SET, *(tag for tag, _, _ in takes)] for level, takes in _TAKES.items()}
