"""A study or a series as a ZIP: DICOMDIR first, then the stored files under names of the standard (PS3.10 8.2).

Memory stays flat: rows are small, files are read in pieces. Each file is read once for its checksums, and again to be
sent; one that is not what was stored ends the download, so that nobody takes a damaged archive for whole.
"""

import hashlib
import logging
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from pydicom.uid import generate_uid

from studies.errors import InstanceMissing
from studies.media.dicomdir import Record, dicomdir
from studies.media.records import instance_record, patient_record, series_record, study_record
from studies.media.zip_stream import Content, Entry, archive_size, zip_chunks
from studies.models import Instance, Series, Study
from studies.storage import hot_storage

logger = logging.getLogger(__name__)
CHUNK_BYTES = 1 << 20
MAXIMUM_INSTANCES = 200_000


@dataclass(frozen=True)
class _File:
    entry: Entry
    path: str
    sha256: str
    data_set_offset: int


@dataclass(frozen=True)
class MediaArchive:
    """What is to be sent.

    Attributes:
        size_bytes: of the whole ZIP, known before it is made.
        instances: how many files of instances it holds.
    """

    size_bytes: int
    instances: int
    directory: bytes
    files: tuple[_File, ...]
    at: datetime

    def chunks(self) -> Iterator[bytes]:
        """The ZIP.

        Raises:
            InstanceMissing: a file cannot be read, or is not what was stored; what was sent so far is no archive.
        """
        return zip_chunks(self._contents(), self.at)

    def _contents(self) -> Iterator[tuple[Entry, Content]]:
        yield Entry("DICOMDIR", len(self.directory)), Content(zlib.crc32(self.directory), [self.directory])
        for file in self.files:
            try:
                with open(file.path, "rb", buffering=0) as opened:
                    crc32 = _checked(opened.fileno(), file)
                    yield file.entry, Content(crc32, _pieces(opened.fileno()))
            except OSError as error:
                raise InstanceMissing(f"{file.entry.name} cannot be read") from error


def study_archive(study: Study, series: Series | None = None) -> MediaArchive:
    """The archive of a study, or of one of its series; the primary content of each instance.

    Raises:
        InstanceMissing: a file is not where the index says.
    """
    patient, top = patient_record(study), study_record(study)
    patient.below.append(top)
    files: list[_File] = []
    chosen = [series] if series is not None else list(study.series.order_by("pk"))
    for number, each in enumerate(chosen, 1):
        record = series_record(each)
        files += _files_of(each, number, record)
        if record.below:
            top.below.append(record)
    if not top.below:
        patient.below.clear()
    directory = dicomdir([patient] if top.below else [], file_set_uid=generate_uid(prefix=None))
    entries = [Entry("DICOMDIR", len(directory)), *(file.entry for file in files)]
    return MediaArchive(archive_size(entries), len(files), directory, tuple(files), timezone.now())


def _files_of(series: Series, series_number: int, record: Record) -> Iterator[_File]:
    storage = hot_storage()
    rows = Instance.objects.filter(series=series, is_primary=True).order_by("pk")
    for number, instance in enumerate(rows[:MAXIMUM_INSTANCES].iterator(chunk_size=2_000), 1):
        file_id = ("DICOM", "ST000001", f"SE{series_number:06d}", f"IM{number:06d}")
        path = storage.path(instance.location)
        try:
            size = os.stat(path).st_size
        except OSError as error:
            raise InstanceMissing(f"the file of {instance.sop_instance_uid} is gone") from error
        if found := instance_record(instance, file_id, number):
            record.below.append(found)
        yield _File(Entry("/".join(file_id), size), path, instance.sha256, instance.data_set_offset)


def _checked(descriptor: int, file: _File) -> int:
    """CRC-32 of the file, whose data set must be the one that was stored."""
    crc32, digest, position = 0, hashlib.sha256(), 0
    for chunk in _pieces(descriptor):
        crc32 = zlib.crc32(chunk, crc32)
        digest.update(chunk[max(0, file.data_set_offset - position) :])
        position += len(chunk)
    if digest.hexdigest() != file.sha256:
        logger.error("stored file is damaged", extra={"location": file.path.rpartition("/")[2]})
        raise InstanceMissing(f"{file.entry.name} is not what was stored")
    return crc32


def _pieces(descriptor: int) -> Iterator[bytes]:
    position = 0
    while chunk := os.pread(descriptor, CHUNK_BYTES, position):
        yield chunk
        position += len(chunk)
