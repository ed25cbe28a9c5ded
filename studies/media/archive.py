"""Studies or a series as a ZIP: DICOMDIR first, then the stored files under names of the standard (PS3.10 8.2).

Memory stays flat: rows are small, files are read in pieces. Each file is read once for its checksums, and again to be
sent; one that is not what was stored ends the download, so that nobody takes a damaged archive for whole.
"""

import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from pydicom.uid import generate_uid

from studies.errors import InstanceMissing
from studies.integrity import Verification, is_there, open_instance, read_at
from studies.media.dicomdir import Record, dicomdir
from studies.media.records import instance_record, patient_record, series_record, study_record
from studies.media.zip_stream import Content, Entry, archive_size, zip_chunks
from studies.models import Instance, Series, Study

CHUNK_BYTES = 1 << 20
MAXIMUM_INSTANCES = 200_000


@dataclass(frozen=True)
class _File:
    entry: Entry
    instance: Instance


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
            InstanceMissing, InstanceDamaged: of a file; what was sent so far is no archive.
        """
        return zip_chunks(self._contents(), self.at)

    def _contents(self) -> Iterator[tuple[Entry, Content]]:
        yield Entry("DICOMDIR", len(self.directory)), Content(zlib.crc32(self.directory), [self.directory])
        for file in self.files:
            descriptor = open_instance(file.instance)
            try:
                crc32 = _checked(descriptor, file.instance)
                yield file.entry, Content(crc32, _pieces(descriptor, file.instance))
            finally:
                os.close(descriptor)


def study_archive(study: Study, series: Series | None = None) -> MediaArchive:
    """The archive of a study, or of one of its series; the primary content of each instance.

    Raises:
        InstanceMissing: a file is not where the index says, or not in its size.
    """
    return _archive([(study, [series] if series is not None else None)])


def studies_archive(studies: Iterable[Study]) -> MediaArchive:
    """The archive of several studies, in this order; those of one patient are below the same record.

    Raises:
        InstanceMissing: as for one.
    """
    return _archive([(study, None) for study in studies])


def _archive(chosen: Iterable[tuple[Study, list[Series] | None]]) -> MediaArchive:
    patients: dict[tuple[str, ...], Record] = {}
    files: list[_File] = []
    for number, (study, series) in enumerate(chosen, 1):
        top = study_record(study)
        files += _files_of_study(study, series, number, top)
        if top.below:
            patients.setdefault(_patient(study), patient_record(study)).below.append(top)
    directory = dicomdir(list(patients.values()), file_set_uid=generate_uid(prefix=None))
    entries = [Entry("DICOMDIR", len(directory)), *(file.entry for file in files)]
    return MediaArchive(archive_size(entries), len(files), directory, tuple(files), timezone.now())


def _patient(study: Study) -> tuple[str, ...]:
    # Without an identifier nobody can say that two studies are of the same patient.
    identity = (study.patient_id, study.issuer_of_patient_id, study.patient_name)
    return identity if study.patient_id else (*identity, study.study_instance_uid)


def _files_of_study(study: Study, series: list[Series] | None, number: int, top: Record) -> Iterator[_File]:
    for series_number, each in enumerate(series or study.series.order_by("pk"), 1):
        record = series_record(each)
        yield from _files_of(each, f"ST{number:06d}", series_number, record)
        if record.below:
            top.below.append(record)


def _files_of(series: Series, study_folder: str, series_number: int, record: Record) -> Iterator[_File]:
    rows = Instance.objects.filter(series=series, is_primary=True).order_by("pk")
    for number, instance in enumerate(rows[:MAXIMUM_INSTANCES].iterator(chunk_size=2_000), 1):
        file_id = ("DICOM", study_folder, f"SE{series_number:06d}", f"IM{number:06d}")
        if not is_there(instance):
            raise InstanceMissing("a stored file is not there in its full size")
        if found := instance_record(instance, file_id, number):
            record.below.append(found)
        yield _File(Entry("/".join(file_id), instance.size_bytes), instance)


def _checked(descriptor: int, instance: Instance) -> int:
    """CRC-32 of the file, whose data set must be the one that was stored."""
    check = Verification(instance, descriptor)
    crc32, position = 0, 0
    for chunk in _pieces(descriptor, instance):
        crc32 = zlib.crc32(chunk, crc32)
        check.update(chunk[max(0, instance.data_set_offset - position) :])
        position += len(chunk)
    check.close()
    return crc32


def _pieces(descriptor: int, instance: Instance) -> Iterator[bytes]:
    position = 0
    while chunk := read_at(instance, descriptor, position, CHUNK_BYTES):
        yield chunk
        position += len(chunk)
