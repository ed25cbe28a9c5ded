"""The metadata of a series, kept ready: DICOM JSON of its instances, compressed, in a file beside the archive.

A file begins with a digest of what it was made of: which instances, and below which address their bulk data stand.
What does not bear the digest of now is made anew, so it is never out of date; what is lost is made again.
"""

import hashlib
import os
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
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
LEVEL, FAST = 6, 1
BASE = "gantry:/"  # stands for the address under which the archive is reached
Load = Callable[[], Sequence[Instance]]
_GZIP = zlib.MAX_WBITS | 16
_DIGEST_CHARACTERS = 64


def series_metadata(series_pk: int, pks: Sequence[int], root: str, load: Load) -> bytes:
    """The JSON array of a series, in gzip's form.

    Args:
        pks: of all instances that the series has, in their order.
        root: the address that ``studies/...`` is appended to.
        load: gives those instances, when their files have to be read.

    Raises:
        InstanceMissing, InstanceDamaged, CannotDecode, Busy: as for ``studies.pixels.ask``.
    """
    digest, path = digest_of(pks, root), _path(series_pk, root)
    held = _held(path, digest)
    if held is None:
        base = plain(base_metadata(series_pk, pks, load))
        held = b"".join(compressed([base.replace(_mark(BASE), _mark(root))], FAST))
        _keep(path, digest.encode() + held)
    return held


def base_metadata(series_pk: int, pks: Sequence[int], load: Load, children: Children | None = None) -> bytes:
    """The same with an address that stands for any, from the files themselves: what is made ready beforehand."""
    digest, path = digest_of(pks, BASE), _path(series_pk, BASE)
    held = _held(path, digest)
    if held is None:
        held = b"".join(compressed(pieces(load(), BASE, children)))
        _keep(path, digest.encode() + held)
    return held


def is_ready(series_pk: int, pks: Sequence[int]) -> bool:
    """Whether nothing of the series has to be read any more."""
    try:
        with _path(series_pk, BASE).open("rb") as file:
            return file.read(_DIGEST_CHARACTERS) == digest_of(pks, BASE).encode()
    except OSError:
        return False


def _held(path: Path, digest: str) -> bytes | None:
    try:
        held = path.read_bytes()
    except OSError:
        return None
    return held[_DIGEST_CHARACTERS:] if held[:_DIGEST_CHARACTERS] == digest.encode() else None


def _mark(root: str) -> bytes:
    # No text of a data set holds this: its quotation marks are escaped.
    return f'"BulkDataURI":"{root}studies/'.encode()


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


def digest_of(pks: Sequence[int], root: str) -> str:
    """What tells one content from another: the instances, none of which ever changes, and where they are said to be."""
    said = f"{VERSION}\n{root}\n{','.join(map(str, pks))}"
    return hashlib.sha256(said.encode()).hexdigest()


def address_of(instance: Instance) -> str:
    """Of an instance below the root of the service."""
    series = instance.series
    return (
        f"studies/{series.study.study_instance_uid}/series/{series.series_instance_uid}"
        f"/instances/{instance.sop_instance_uid}"
    )


def _path(series_pk: int, root: str) -> Path:
    slot = SLOTS if root == BASE else int(hashlib.sha256(root.encode()).hexdigest(), 16) % SLOTS
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
        for slot in range(SLOTS + 1):
            (cache_folder(f"metadata/{pk % 1000:03d}") / f"{pk}.{slot}").unlink(missing_ok=True)
