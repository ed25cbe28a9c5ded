"""The ZIP that is written from front to back, read by Python's own reader."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from studies.media.zip_stream import ChangedSize, Content, Entry, archive_size, zip_chunks

AT = datetime(2026, 11, 26, 11, 30, 12, tzinfo=UTC)


def made(contents: dict[str, bytes]) -> bytes:
    files = [
        (Entry(name, len(data)), Content(zlib.crc32(data), [data[:3], data[3:]])) for name, data in contents.items()
    ]
    archive = b"".join(zip_chunks(files, AT))
    assert len(archive) == archive_size(entry for entry, _ in files)
    return archive


def test_files_are_read_back_and_the_size_was_known_before() -> None:
    contents = {"DICOMDIR": b"directory", "DICOM/ST000001/SE000001/IM000001": b"x" * 70_000, "EMPTY": b""}

    with zipfile.ZipFile(io.BytesIO(made(contents))) as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == contents
        info = read.getinfo("DICOMDIR")

    assert info.compress_type == zipfile.ZIP_STORED
    assert not info.flag_bits & 0x8  # its size stands before it
    assert info.date_time == (2026, 11, 26, 11, 30, 12)


def test_more_entries_than_sixteen_bits_count() -> None:
    archive = made({f"F{number:06d}": b"" for number in range(65_540)})

    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert len(read.namelist()) == 65_540


def test_large_file_and_what_follows_it_are_in_the_zip64_form(monkeypatch: pytest.MonkeyPatch) -> None:
    # The same layout as beyond 4 GiB, from 64 KiB on.
    monkeypatch.setattr("studies.media.zip_stream._is_large", lambda value: value >= 65_536)
    contents = {"LARGE": bytes(70_000), "AFTER": b"after"}

    with zipfile.ZipFile(io.BytesIO(made(contents))) as read:
        assert {name: read.read(name) for name in read.namelist()} == contents


def test_size_of_large_archive_is_counted_without_making_it() -> None:
    entries = [Entry("A", 5 << 30), Entry("B", 7)]

    # Two local headers (the first with both sizes again), two central ones (likewise, and an offset), and the ends.
    assert archive_size(entries) == (30 + 1 + 20 + (5 << 30)) + (30 + 1 + 7) + (46 + 1 + 20) + (46 + 1 + 12) + 98


def test_file_that_changed_breaks_the_archive_off() -> None:
    def contents() -> Iterator[tuple[Entry, Content]]:
        yield Entry("A", 5), Content(0, [b"1234"])

    with pytest.raises(ChangedSize):
        list(zip_chunks(contents(), AT))
