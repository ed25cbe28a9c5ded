"""The metadata of a series, kept ready: DICOM JSON of its instances, compressed, in a file beside the archive.

A file begins with a digest of what it was made of: which instances, and below which address their bulk data stand.
What does not bear the digest of now is made anew, so it is never out of date; what is lost is made again.
"""

import hashlib
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from studies.children import Children
from studies.integrity import ensure_intact
from studies.models import Instance
from studies.pixels import translated, workers
from studies.rewriting import cache_folder

VERSION = 1  # of what the files hold: another form, another number
BATCH = 50  # instances that a child reads at a time
SLOTS = 4  # addresses under which the archive is reached and for which files are kept
LEVEL = 6
_GZIP = zlib.MAX_WBITS | 16
_DIGEST_CHARACTERS = 64


def series_metadata(series_pk: int, instances: Sequence[Instance], root: str) -> tuple[str, bytes]:
    """The JSON array of a series, in gzip's form, and the digest of what it was made of.

    Args:
        instances: all that the series has, in their order.
        root: the address that ``studies/...`` is appended to.

    Raises:
        InstanceMissing, InstanceDamaged, CannotDecode, Busy: as for ``studies.pixels.ask``.
    """
    digest = digest_of(instances, root)
    path = _path(series_pk, root)
    with suppress(OSError):
        held = path.read_bytes()
        if held[:_DIGEST_CHARACTERS] == digest.encode():
            return digest, held[_DIGEST_CHARACTERS:]
    made = b"".join(compressed(pieces(instances, root)))
    _keep(path, digest.encode() + made)
    return digest, made


def pieces(instances: Sequence[Instance], root: str, children: Children | None = None) -> Iterator[bytes]:
    """The JSON array of these instances, in pieces."""
    yield b"["
    for start in range(0, len(instances), BATCH):
        batch = instances[start : start + BATCH]
        files = [{"path": str(ensure_intact(each)), "uri": root + address_of(each)} for each in batch]
        _, data = translated(children or workers(), {"work": "metadata", "files": files})
        yield (b",\n" if start else b"") + data
    yield b"]"


def compressed(data: Iterable[bytes], level: int = LEVEL) -> Iterator[bytes]:
    """In gzip's form."""
    deflater = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    for piece in data:
        if made := deflater.compress(piece):
            yield made
    yield deflater.flush()


def plain(data: bytes) -> bytes:
    """What ``compressed`` was given."""
    return zlib.decompress(data, _GZIP)


def digest_of(instances: Sequence[Instance], root: str) -> str:
    """What tells one content from another: the instances, none of which ever changes, and where they are said to be."""
    said = f"{VERSION}\n{root}\n{','.join(str(each.pk) for each in instances)}"
    return hashlib.sha256(said.encode()).hexdigest()


def address_of(instance: Instance) -> str:
    """Of an instance below the root of the service."""
    series = instance.series
    return (
        f"studies/{series.study.study_instance_uid}/series/{series.series_instance_uid}"
        f"/instances/{instance.sop_instance_uid}"
    )


def _path(series_pk: int, root: str) -> Path:
    slot = int(hashlib.sha256(root.encode()).hexdigest(), 16) % SLOTS
    return cache_folder(f"metadata/{series_pk % 1000:03d}") / f"{series_pk}.{slot}"


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all; a disk that is full is no reason to fail."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with suppress(OSError):
        try:
            part.write_bytes(content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def forget(series_pks: Iterable[int]) -> None:
    """Remove what is kept of these series."""
    for pk in series_pks:
        for slot in range(SLOTS):
            (cache_folder(f"metadata/{pk % 1000:03d}") / f"{pk}.{slot}").unlink(missing_ok=True)
