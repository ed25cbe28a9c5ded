"""Take the files of a ZIP: read from it, never unpacked to a path, so that no name in it can lead anywhere.

What is too much is refused before it is read, or as soon as it shows: the sizes that a ZIP states are claims.
"""

import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from studies.uploads.take import Source, Taken, take_file

MAXIMUM_ENTRIES = 20_000
MAXIMUM_TOTAL_BYTES = 32 << 30
# Empty pictures deflate a thousand to one, and so does a bomb: a small ZIP may grow to this much all the same.
MAXIMUM_RATIO = 100
ALWAYS_ALLOWED_BYTES = 512 << 20
_ENCRYPTED = 0x1
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError)


class BadZip(Exception):
    """The ZIP is not taken as a whole; the message says why, in words."""


def take_zip(file: IO[bytes], size_bytes: int, *, source_address: str) -> Iterator[tuple[str, Taken]]:
    """Store the instances in a ZIP, each with what became of it.

    Args:
        file: seekable.
        size_bytes: of the file, against which it may not grow too much.
        source_address: of whoever sends it.

    Yields:
        The name in the ZIP, for people only, and the outcome.

    Raises:
        BadZip: it is no ZIP, has too many entries, or says itself that it grows beyond the limit.
    """
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN as error:
        raise BadZip("This is no ZIP that can be read; it may be cut off.") from error
    allowance = _Allowance(min(MAXIMUM_TOTAL_BYTES, max(ALWAYS_ALLOWED_BYTES, size_bytes * MAXIMUM_RATIO)))
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(entries) > MAXIMUM_ENTRIES:
            raise BadZip(f"It holds more than {MAXIMUM_ENTRIES:,} files; send it in parts.")
        if sum(entry.file_size for entry in entries) > allowance.left:
            raise BadZip("It would grow too large when unpacked; send the files themselves.")
        for entry in entries:
            yield entry.filename, _take(archive, entry, allowance, source_address)


class _Allowance:
    """How many bytes may still come out of the ZIP."""

    def __init__(self, left: int) -> None:
        self.left = left


class _Metered:
    """An entry's bytes, as long as the allowance holds."""

    def __init__(self, source: Source, allowance: _Allowance) -> None:
        self._source = source
        self._allowance = allowance

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self._allowance.left -= len(piece)
        if self._allowance.left < 0:
            raise BadZip("It grows too large when unpacked; the rest is not read.")
        return piece


def _take(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowance: _Allowance, source_address: str) -> Taken:
    if entry.flag_bits & _ENCRYPTED:
        return Taken("refused", "it is encrypted in the ZIP")
    if entry.compress_type not in _METHODS:
        return Taken("refused", "it is compressed in a way that is not read here")
    if entry.filename.lower().endswith(".zip"):
        return Taken("passed-over", "it is a ZIP in a ZIP")
    try:
        with archive.open(entry) as source:
            return take_file(_Metered(source, allowance), source_address=source_address)
    except _BROKEN:
        return Taken("refused", "it is damaged in the ZIP")
