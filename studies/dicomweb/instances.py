"""WADO-RS: whole instances of a study, a series or alone (PS3.18 10.4.1.1.1), as they are stored or transcoded."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from dicomnet.part10 import file_meta_bytes
from studies.dicomweb.accept import ANY, DICOM, Offer, choose
from studies.dicomweb.archive import as_http, stored_instances
from studies.dicomweb.conditional import byte_range, is_known, with_etag
from studies.dicomweb.multipart import Part, multipart_response
from studies.errors import InstanceMissing
from studies.integrity import Verification, damaged, ensure_intact, is_there, open_instance, read_at
from studies.models import Instance
from studies.rewriting import Rewritten, rewritten

PIECE_BYTES = 1 << 20
# Up to here an instance is checked before the first byte of it is sent; of a larger one the last piece is held back.
CHECKED_FIRST_BYTES = 8 << 20
EXPLICIT = str(ExplicitVRLittleEndian)
# What anything can be transcoded to without loss; PS3.18 wants the first wherever nothing else is asked for.
TARGETS = (EXPLICIT, str(JPEG2000Lossless), str(JPEGLSLossless), str(RLELossless))


@dataclass(frozen=True)
class StoredPart:
    """One stored instance as a Part 10 file without the record of whom it came from, in pieces."""

    instance: Instance

    @property
    def head(self) -> bytes:
        """Preamble and File Meta Information."""
        return file_meta_bytes(
            sop_class_uid=self.instance.sop_class_uid,
            sop_instance_uid=self.instance.sop_instance_uid,
            transfer_syntax_uid=self.instance.transfer_syntax_uid,
        )

    @property
    def transfer_syntax_uid(self) -> str:
        """As it is stored."""
        return self.instance.transfer_syntax_uid

    @property
    def size_bytes(self) -> int:
        """Of the whole file."""
        return len(self.head) + self.instance.size_bytes - self.instance.data_set_offset

    def __iter__(self) -> Iterator[bytes]:
        """From the beginning.

        Raises:
            InstanceMissing, InstanceDamaged: it is not what was acknowledged. What was sent by then is never whole.
        """
        instance = self.instance
        fd = open_instance(instance)
        try:
            check = Verification(instance, fd)
            yield from self._checked(fd, check)
        finally:
            os.close(fd)

    def part(self, wanted: range) -> Iterator[bytes]:
        """Some of the file's bytes, of one that was found intact.

        Raises:
            InstanceMissing, InstanceDamaged: it cannot be read any more.
        """
        head, skipped = self.head, self.instance.data_set_offset - len(self.head)
        yield head[wanted.start : wanted.stop]
        fd = open_instance(self.instance)
        try:
            position, end = max(wanted.start, len(head)) + skipped, wanted.stop + skipped
            while position < end:
                piece = read_at(self.instance, fd, position, min(PIECE_BYTES, end - position))
                if not piece:
                    raise damaged(self.instance, "its file has become shorter")
                position += len(piece)
                yield piece
        finally:
            os.close(fd)

    def _checked(self, fd: int, check: Verification) -> Iterator[bytes]:
        instance, held = self.instance, self.head
        position, end = instance.data_set_offset, instance.size_bytes
        is_small = end - position <= CHECKED_FIRST_BYTES
        piece_bytes = CHECKED_FIRST_BYTES if is_small else PIECE_BYTES
        while position < end:
            piece = read_at(instance, fd, position, min(piece_bytes, end - position))
            if not piece:
                raise damaged(instance, "its file has become shorter")
            check.update(piece)
            position += len(piece)
            if not is_small:
                yield held
                held = piece
            else:
                held += piece
        check.close()
        yield held


def retrieve(request: HttpRequest, study: str, series: str = "", instance: str = "") -> HttpResponseBase:
    """A study, a series or an instance, each as ``application/dicom``."""
    rows = stored_instances(study, series, instance)
    accepted = choose(
        _offers({row.transfer_syntax_uid for row in rows}, is_single=bool(instance)),
        header=request.headers.get("Accept", ""),
        parameter=request.GET.get("accept", ""),
    )
    if not accepted.is_multipart:
        return alone(request, rows[0], accepted.transfer_syntax)
    with as_http():
        there = [row for row in rows if is_there(row)]
        if not there:
            raise InstanceMissing("The stored files are not there or damaged; the log of the server says more.")
        first = _content(there[0], accepted.transfer_syntax)  # an error of the first still has a status of its own
    # Some of them, when files are lost: better than none, and said (PS3.18 10.4.3).
    status = 200 if len(there) == len(rows) else 206
    parts = (_part(row, first if row is there[0] else _content(row, accepted.transfer_syntax)) for row in there)
    if any(accepted.transfer_syntax not in {ANY, row.transfer_syntax_uid} for row in there):
        return multipart_response(parts, media_type=DICOM, status=status)
    return multipart_response(
        parts, media_type=DICOM, size_of=[_part(row, StoredPart(row)) for row in there], status=status
    )


def _offers(stored: set[str], *, is_single: bool) -> list[Offer]:
    """The default first, then what is stored, then what else it can be transcoded to."""
    own = next(iter(stored)) if len(stored) == 1 else ANY
    syntaxes = dict.fromkeys([EXPLICIT, own, *TARGETS])
    return [
        Offer(DICOM, is_multipart, syntax, syntax == EXPLICIT, is_stored=syntax == own)
        for is_multipart in ([True, False] if is_single else [True])
        for syntax in syntaxes
    ]


def _content(row: Instance, syntax: str) -> "StoredPart | Rewritten":
    return StoredPart(row) if syntax in {ANY, row.transfer_syntax_uid} else rewritten(row, syntax)


def _part(row: Instance, content: "StoredPart | Rewritten") -> Part:
    return Part(f"{DICOM}; transfer-syntax={content.transfer_syntax_uid}", content.size_bytes, content)


def alone(request: HttpRequest, row: Instance, syntax: str) -> HttpResponseBase:
    """One instance as a file of its own; a range of it, when it is sent as it is stored (RFC 9110 14).

    Args:
        syntax: a UID, or ``*`` for the stored one.
    """
    digest = f"{row.sha256[:32]}-{row.transfer_syntax_uid if syntax == ANY else syntax}"
    if is_known(request, digest):
        return with_etag(HttpResponse(status=304), digest)
    with as_http():
        content = _content(row, syntax)
        if isinstance(content, StoredPart):
            if not is_there(row):
                raise InstanceMissing("The stored file is not there or damaged; the log of the server says more.")
            response = _range(request, row, content, digest)
        else:
            response = StreamingHttpResponse(iter(content), content_type=DICOM)
            response["Content-Length"] = str(content.size_bytes)
    response["Content-Disposition"] = f'attachment; filename="{row.sop_instance_uid}.dcm"'
    return with_etag(response, digest)


def _range(request: HttpRequest, row: Instance, content: StoredPart, digest: str) -> HttpResponseBase:
    """All of the file, or the one range that is asked for."""
    size = content.size_bytes
    wanted = byte_range(request.headers.get("Range", ""), size)
    if request.headers.get("If-Range", digest).removeprefix("W/").strip('"') != digest:
        wanted = None
    if wanted is None:
        response = StreamingHttpResponse(iter(content), content_type=DICOM)
        response["Content-Length"] = str(size)
    elif not wanted:
        response = StreamingHttpResponse([], status=416, content_type=DICOM)
        response["Content-Range"] = f"bytes */{size}"
    else:
        # A part says nothing of the whole: the file is checked before.
        ensure_intact(row)
        response = StreamingHttpResponse(content.part(wanted), status=206, content_type=DICOM)
        response["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
        response["Content-Length"] = str(len(wanted))
    response["Accept-Ranges"] = "bytes"
    return response
