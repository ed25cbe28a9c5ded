"""Take one DICOM file out of a stream into the spool (PS3.10 7.1; the checks are those of C-STORE, PS3.4 B.2.3)."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from pydicom.filereader import read_partial
from pydicom.uid import MediaStorageDirectoryStorage

from dicomnet.part10 import DEFLATED, NotPart10, file_meta_in
from dicomnet.services import Services, StoreRequest
from dicomnet.statuses import StoreStatus
from studies.admission import STUDY_INSTANCE_UID, is_uid

CHUNK_BYTES = 256 << 10
MAXIMUM_FILE_BYTES = 4 << 30
CALLING_AE_TITLE = "UPLOAD"
META_BYTES = 64 << 10  # prefix and File Meta Information of any file that is none of an attack


class Source(Protocol):
    """What is read from: a request, a file, or a member of a ZIP."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


@dataclass(frozen=True)
class Taken:
    """What became of one file.

    Attributes:
        outcome: ``stored``, ``refused`` or ``passed-over`` (a file that belongs to media and is no instance).
        reason: why it is not stored, in words without patient data.
        study_instance_uid: of the study it went to; empty when it is not stored.
    """

    outcome: str
    reason: str = ""
    study_instance_uid: str = ""


def take_file(source: Source, *, source_address: str) -> Taken:
    """Store one file.

    Args:
        source: read to its end, in pieces.
        source_address: of whoever sends it, for the record.
    """
    first = _read(source, META_BYTES)
    try:
        meta = file_meta_in(first, is_whole=True)
    except NotPart10:
        meta = None
    if meta is None:
        return Taken("passed-over", _("it is no DICOM file"))
    if meta.sop_class_uid == MediaStorageDirectoryStorage:
        return Taken("passed-over", _("it is the directory of a medium, not an instance"))
    request = StoreRequest(
        sop_class_uid=meta.sop_class_uid,
        sop_instance_uid=meta.sop_instance_uid,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        calling_ae_title=CALLING_AE_TITLE,
        called_ae_title=settings.GANTRY.ae_title,
        source_address=source_address,
    )
    taken = _store(request, first[meta.data_set_offset :], lambda: source.read(CHUNK_BYTES))
    if taken.outcome != "stored":
        return taken
    return replace(taken, study_instance_uid=_study_of(first, meta.transfer_syntax_uid))


def _store(request: StoreRequest, first: bytes, more: Callable[[], bytes]) -> Taken:
    services: Services = import_string(settings.DICOM_SERVICES[settings.GANTRY.ae_title])()
    sink = services.open_store(request)
    size = 0
    try:
        piece = first
        while piece:
            size += len(piece)
            if size > MAXIMUM_FILE_BYTES:
                return Taken("refused", _("it is larger than %(size)d GiB") % {"size": MAXIMUM_FILE_BYTES >> 30})
            sink.write(piece)
            piece = more()
        answer = sink.commit()
    finally:
        sink.discard()
    if answer.status != StoreStatus.SUCCESS:
        return Taken("refused", answer.comment or f"status {answer.status:#06x}")
    return Taken("stored")


def _study_of(first: bytes, transfer_syntax_uid: str) -> str:
    """For a link to the study, from the file's beginning; empty where that does not tell."""
    if transfer_syntax_uid in DEFLATED:
        return ""
    try:
        ds = read_partial(BytesIO(first), lambda tag, _vr, _length: tag > STUDY_INSTANCE_UID, force=True)
        uid = str(ds.get(STUDY_INSTANCE_UID, "") and ds[STUDY_INSTANCE_UID].value)
    except (ValueError, LookupError, TypeError, AttributeError, NotImplementedError, OSError, struct.error):
        # Odd bytes, of which the index will make what it can: the file is stored all the same.
        return ""
    return uid if is_uid(uid) else ""


def _read(source: Source, size: int) -> bytes:
    """So many bytes, or all that there are: a stream may give fewer at a time."""
    pieces = bytearray()
    while len(pieces) < size and (piece := source.read(size - len(pieces))):
        pieces += piece
    return bytes(pieces)
