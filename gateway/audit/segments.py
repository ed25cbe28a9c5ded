"""Files of archived records: JSON lines, compressed, one for each closed part of a chain, and their signed rows."""

import gzip
import hashlib
import hmac
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Max

from gateway.audit.canonical import compact, moment
from gateway.audit.keys import known_keys
from gateway.audit.models import AuditRecord, Segment

FORM, ROW_FORM = "gantry-audit-segment-1", "gantry-audit-segment-row-1"
LONGEST_LINE = 1 << 20
PIECE = 1 << 20
_TEXTS = (
    "action",
    "actor",
    "actor_kind",
    "address",
    "patient_id",
    "study_instance_uid",
    "subject",
    "detail",
    "key_id",
    "previous",
    "hash",
)
_NUMBERS = ("id", "sequence", "number")


class BadSegment(Exception):
    """A file is not what was written; the message says how, and goes on after the words "it"."""


def folder() -> Path:
    """``GANTRY_AUDIT_ARCHIVE``, else ``GANTRY_HOME/audit/segments``."""
    path: Path = settings.GANTRY.audit_archive or settings.GANTRY.home / "audit" / "segments"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def file_name(chain: int, first: int, last: int) -> str:
    """Of the segment with these records."""
    return f"chain-{chain}-{first:012}-{last:012}.jsonl.gz"


def canonical_row(segment: Segment) -> bytes:
    """What the signature of a segment's row is made of."""
    values = [
        ROW_FORM,
        segment.chain_id,
        segment.first_sequence,
        segment.last_sequence,
        moment(segment.first_at),
        moment(segment.last_at),
        segment.previous,
        segment.head,
        segment.file,
        segment.sha256,
        segment.key_id,
    ]
    return compact(values).encode()


def is_signed(segment: Segment) -> bool:
    """Whether its row is what Gantry wrote."""
    key = known_keys().get(segment.key_id)
    return key is not None and hmac.compare_digest(key.sign(canonical_row(segment)), segment.signature)


def header_of(segment: Segment) -> dict[str, Any]:
    """The first line of its file."""
    return {
        "form": FORM,
        "chain": segment.chain_id,
        "first": segment.first_sequence,
        "last": segment.last_sequence,
        "count": segment.count,
        "previous": segment.previous,
        "head": segment.head,
    }


def write(path: Path, segment: Segment, rows: Iterable[AuditRecord]) -> None:
    """Write its file, durable with its name once this returns.

    Raises:
        OSError: the disk does not take it; what was written of it is gone.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as lines:
                lines.write((compact(header_of(segment)) + "\n").encode())
                for row in rows:
                    lines.write((compact(_as_values(row)) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
            # What is read back must come from the disk.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        fresh.rename(path)
        _sync_folder(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def read(path: Path, segment: Segment) -> Iterator[AuditRecord]:
    """The records of its file, one at a time.

    Raises:
        BadSegment: at the place from which on it is not readable; records before it were yielded.
        OSError: it cannot be read.
    """
    try:
        with gzip.open(path, "rb") as lines:
            if _parsed(lines) != header_of(segment):
                raise BadSegment("holds another part of the trail")
            while (values := _parsed(lines)) is not None:
                yield _as_row(segment.chain_id, values)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadSegment("is damaged, or cut off") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSegment("has a line that is no record") from error


def sha256_of(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def archived_until(since: datetime | None, until: datetime | None) -> datetime | None:
    """The moment of the latest archived record, where a period reaches into what is archived; else None."""
    found = Segment.objects.all()
    if since is not None:
        found = found.filter(last_at__gte=since)
    if until is not None:
        found = found.filter(first_at__lt=until)
    latest: datetime | None = found.aggregate(latest=Max("last_at"))["latest"]
    return latest


def _as_values(row: AuditRecord) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in (*_NUMBERS, *_TEXTS)}
    return values | {"at": moment(row.at)}


def _as_row(chain: int, values: dict[str, Any]) -> AuditRecord:
    if not all(type(values[name]) is int for name in _NUMBERS) or not all(type(values[name]) is str for name in _TEXTS):
        raise TypeError
    given = {name: values[name] for name in (*_NUMBERS, *_TEXTS)}
    return AuditRecord(chain_id=chain, at=datetime.fromisoformat(values["at"]), **given)


def _parsed(lines: gzip.GzipFile) -> Any:
    line = lines.readline(LONGEST_LINE)
    return json.loads(line) if line else None


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
