"""A ZIP without compression, written from front to back to something that cannot seek (APPNOTE 6.3.10).

Sizes and checksums stand before each file, as every reader wants them: Python's own writer puts them behind what it
cannot go back to, which some programs do not read without compression. What is large is in the ZIP64 form.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR64 = struct.Struct("<IIQI")
_END = struct.Struct("<IHHHHIIH")
_VERSION, _VERSION64, _UNIX = 20, 45, 3 << 8
_MOST32, _MOST16 = 0xFFFFFFFF, 0xFFFF
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True)
class Entry:
    """One file of the archive.

    Attributes:
        name: its path, ASCII, with slashes.
        size_bytes: as it is, for it is not compressed.
    """

    name: str
    size_bytes: int


@dataclass(frozen=True)
class Content:
    """What is in an entry: its checksum first, then its bytes."""

    crc32: int
    chunks: Iterable[bytes]


class ChangedSize(Exception):
    """A file is not as long as its entry said; the archive cannot be ended."""


def archive_size(entries: Iterable[Entry]) -> int:
    """Bytes of the archive of these entries."""
    total, central, count = 0, 0, 0
    for entry in entries:
        name = len(entry.name)
        central += _CENTRAL.size + name + len(_central_extra(entry, total))
        total += _LOCAL.size + name + len(_local_extra(entry)) + entry.size_bytes
        count += 1
    return total + central + len(_end(count, central, total))


def zip_chunks(files: Iterable[tuple[Entry, Content]], at: datetime) -> Iterator[bytes]:
    """The archive, piece by piece.

    Args:
        files: taken one after the other; each is read when its turn has come.
        at: the moment that every file in it shows.

    Raises:
        ChangedSize: a file is shorter or longer than its entry.
    """
    moment = _dos_moment(at)
    central: list[bytes] = []
    offset = 0
    for entry, content in files:
        yield _local_header(entry, content.crc32, moment)
        written = 0
        for chunk in content.chunks:
            written += len(chunk)
            yield chunk
        if written != entry.size_bytes:
            raise ChangedSize(entry.name)
        central.append(_central_header(entry, content.crc32, moment, offset))
        offset += _LOCAL.size + len(entry.name) + len(_local_extra(entry)) + entry.size_bytes
    directory = b"".join(central)
    yield directory
    yield _end(len(central), len(directory), offset)


def _local_header(entry: Entry, crc32: int, moment: tuple[int, int]) -> bytes:
    extra = _local_extra(entry)
    version, size = (_VERSION64, _MOST32) if extra else (_VERSION, entry.size_bytes)
    time, date = moment
    name = entry.name.encode("ascii")
    return _LOCAL.pack(0x04034B50, version, 0, 0, time, date, crc32, size, size, len(name), len(extra)) + name + extra


def _central_header(entry: Entry, crc32: int, moment: tuple[int, int], offset: int) -> bytes:
    extra = _central_extra(entry, offset)
    version = _VERSION64 if extra else _VERSION
    size = _MOST32 if _is_large(entry.size_bytes) else entry.size_bytes
    place = _MOST32 if _is_large(offset) else offset
    time, date = moment
    name = entry.name.encode("ascii")
    header = _CENTRAL.pack(
        0x02014B50, _UNIX | version, version, 0, 0, time, date, crc32, size, size, len(name), len(extra), 0, 0, 0,
        _REGULAR_FILE, place,
    )  # fmt: skip
    return header + name + extra


def _local_extra(entry: Entry) -> bytes:
    """Both sizes in the ZIP64 form where they need it."""
    if not _is_large(entry.size_bytes):
        return b""
    return struct.pack("<HHQQ", 1, 16, entry.size_bytes, entry.size_bytes)


def _central_extra(entry: Entry, offset: int) -> bytes:
    values = [entry.size_bytes, entry.size_bytes] if _is_large(entry.size_bytes) else []
    values += [offset] if _is_large(offset) else []
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""


def _end(count: int, directory_bytes: int, offset: int) -> bytes:
    end = b""
    if count >= _MOST16 or _is_large(directory_bytes) or _is_large(offset):
        end = _END64.pack(
            0x06064B50, _END64.size - 12, _UNIX | _VERSION64, _VERSION64, 0, 0, count, count, directory_bytes, offset
        ) + _LOCATOR64.pack(0x07064B50, 0, offset + directory_bytes, 1)
    short = min(count, _MOST16)
    return end + _END.pack(
        0x06054B50, 0, 0, short, short, min(directory_bytes, _MOST32), min(offset, _MOST32), 0
    )  # fmt: skip


def _is_large(value: int) -> bool:
    return value >= _MOST32


def _dos_moment(at: datetime) -> tuple[int, int]:
    year = min(max(at.year, 1980), 2107)
    return at.hour << 11 | at.minute << 5 | at.second // 2, (year - 1980) << 9 | at.month << 5 | at.day
