"""By WADO-RS: a study as the parts of one answer, each a Part 10 file (PS3.18 10.4)."""

from collections.abc import Iterator
from email.message import Message

from django.conf import settings

from dicomnet.services import Services, StoreAnswer, services_for
from dicomnet.statuses import StoreStatus
from dicomnet.web.http import Answer, Caller, HttpError, Streamed
from dicomnet.wire.incoming import MAXIMUM_INSTANCE_BYTES
from spanner.ask.dicomweb import caller_of, refusal_in_words
from spanner.errors import NoRoom, SourceFailed
from spanner.fetch.by.way import Errand
from spanner.fetch.pieces import Piece
from studies.dicomweb.multipart_reader import BadMultipart, MultipartReader
from studies.dicomweb.store_part import store_part

DICOM = "application/dicom"
# As it is stored there: nothing is to be transcoded.
HEADERS = {"Accept": f'multipart/related; type="{DICOM}"; transfer-syntax=*'}
SILENCE_SECONDS = 60
AE_TITLE_CHARACTERS = 16


def fetch(errand: Errand) -> None:
    """GET all pieces, one after the other, on one connection."""
    source = errand.source
    services = services_for(settings.GANTRY.ae_title)
    assert services is not None  # noqa: S101 (settings name it)
    try:
        with caller_of(source, SILENCE_SECONDS) as caller:
            for piece in errand.pieces:
                for target in _targets(caller.url.path, piece):
                    _get(caller, target, errand, services)
    except HttpError as error:
        raise SourceFailed(str(error)) from error


def _targets(root: str, piece: Piece) -> Iterator[str]:
    target = f"{root}/studies/{piece.study_uid}"
    if piece.series_uid:
        target += f"/series/{piece.series_uid}"
    if piece.sop_uids:
        yield from (f"{target}/instances/{uid}" for uid in piece.sop_uids)
    else:
        yield target


def _get(caller: Caller, target: str, errand: Errand, services: Services) -> None:
    with caller.stream(target, headers=HEADERS) as answer:
        if answer.status not in {200, 206}:
            refusal = refusal_in_words(Answer(answer.status, answer.headers, b"", is_whole=False))
            raise SourceFailed(refusal, is_alive=answer.status < 500)
        boundary = _boundary(answer)
        try:
            reader = MultipartReader(answer.read, boundary)
            for head in reader.parts():
                if head.get_content_type() != DICOM and head.get("Content-Type"):
                    raise SourceFailed(f"it sends {head.get_content_type()[:60]} in place of {DICOM}", is_alive=True)
                _take(_watched(reader.content(), errand), errand, services)
        except BadMultipart as error:
            raise SourceFailed(f"its answer is cut off or malformed: {error}", is_alive=True) from error


def _take(content: Iterator[bytes], errand: Errand, services: Services) -> None:
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in content:
            size += len(piece)
            yield piece

    stored = store_part(
        services,
        counted(),
        calling_ae_title=_title(errand.source.name),
        called_ae_title=settings.GANTRY.ae_title,
        source_address="",
        study_instance_uid=errand.study_uid,
        fetched_from=errand.source.name,
    )
    status = StoreStatus(stored.failure) if stored.failure in set(StoreStatus) else StoreStatus.CANNOT_UNDERSTAND
    if status is StoreStatus.OUT_OF_RESOURCES:
        raise NoRoom(stored.comment)
    errand.progress.took(stored.sop_instance_uid, size, StoreAnswer(status, stored.comment))


def _watched(content: Iterator[bytes], errand: Errand) -> Iterator[bytes]:
    size = 0
    for piece in content:
        size += len(piece)
        if size > MAXIMUM_INSTANCE_BYTES:
            raise SourceFailed(f"it sends an instance that is longer than {MAXIMUM_INSTANCE_BYTES >> 20} MiB")
        errand.progress.beat()
        yield piece


def _boundary(answer: Streamed) -> str:
    said = Message()
    said["Content-Type"] = answer.headers.get("content-type", "application/octet-stream")
    boundary = said.get_param("boundary")
    if said.get_content_type() != "multipart/related" or not isinstance(boundary, str):
        raise SourceFailed(f"it answers with {said.get_content_type()[:60]} in place of instances", is_alive=True)
    return boundary


def _title(name: str) -> str:
    """What lists show as the sender; the prefix keeps it from passing for a device."""
    plain = "".join(each if each.isascii() and each.isprintable() and each != "\\" else "_" for each in name)
    return f"WADO:{plain}"[:AE_TITLE_CHARACTERS].rstrip()
