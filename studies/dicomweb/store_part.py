"""One part of a STOW-RS request into the spool: a Part 10 file whose data set goes in as it is (PS3.18 10.5.1)."""

from collections.abc import Iterator
from dataclasses import replace

from pydicom.uid import UID

from dicomnet.part10 import FileMeta, NotPart10, file_meta_in
from dicomnet.services import Services, StoreRequest
from dicomnet.statuses import StoreStatus
from studies.admission import is_uid
from studies.dicomweb.store_answer import Stored

CANNOT_UNDERSTAND = 0xC000
TRANSFER_SYNTAX_NOT_SUPPORTED = 0xC122


def store_part(
    services: Services,
    content: Iterator[bytes],
    *,
    calling_ae_title: str,
    called_ae_title: str,
    source_address: str,
    study_instance_uid: str,
    fetched_from: str = "",
) -> Stored:
    """Take one part; the whole of its content is read, whatever comes of it.

    Args:
        study_instance_uid: that it must have; empty: any.
        fetched_from: the archive that we asked for it; empty: it was sent.
    """
    try:
        meta, beginning = _file_meta(content)
    except NotPart10 as error:
        return _failed(content, Stored(failure=CANNOT_UNDERSTAND, comment=str(error)))
    known = Stored(_uid(meta.sop_class_uid), _uid(meta.sop_instance_uid))
    syntax = UID(meta.transfer_syntax_uid)
    if syntax.is_private or not syntax.is_transfer_syntax:
        reason = "the transfer syntax is not known"
        return _failed(content, known.failed(TRANSFER_SYNTAX_NOT_SUPPORTED, reason))
    sink = services.open_store(
        StoreRequest(
            sop_class_uid=meta.sop_class_uid,
            sop_instance_uid=meta.sop_instance_uid,
            transfer_syntax_uid=meta.transfer_syntax_uid,
            calling_ae_title=calling_ae_title,
            called_ae_title=called_ae_title,
            source_address=source_address,
            study_instance_uid=study_instance_uid,
            fetched_from=fetched_from,
        )
    )
    try:
        if beginning:
            sink.write(beginning)
        for piece in content:
            sink.write(piece)
        answer = sink.commit()
    finally:
        sink.discard()
    if answer.status == StoreStatus.SUCCESS:
        return replace(
            known,
            study_instance_uid=answer.study_instance_uid,
            series_instance_uid=answer.series_instance_uid,
        )
    return known.failed(int(answer.status), answer.comment)


def _file_meta(content: Iterator[bytes]) -> tuple[FileMeta, bytes]:
    """File Meta Information, and what has come of the data set with it.

    Raises:
        NotPart10: there is none.
    """
    head = b""
    for piece in content:
        head += piece
        found = file_meta_in(head)
        if found is not None:
            return found, head[found.data_set_offset :]
    found = file_meta_in(head, is_whole=True)
    if found is None:
        raise NotPart10("the File Meta Information is cut off")
    return found, head[found.data_set_offset :]


def _failed(content: Iterator[bytes], result: Stored) -> Stored:
    for _ in content:
        pass
    return result


def _uid(text: str) -> str:
    """For the answer; what is no UID is left out of it."""
    return text if is_uid(text) else ""
