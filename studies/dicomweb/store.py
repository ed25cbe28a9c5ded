"""STOW-RS: instances come in part by part, by the spool and the checks of C-STORE (PS3.18 10.5)."""

import logging
import time
from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType

from dicomnet.services import Services, services_for
from studies.dicomweb.accept import DICOM, DICOM_JSON, MULTIPART, Offer, choose
from studies.dicomweb.archive import root_of
from studies.dicomweb.multipart_reader import BadMultipart, MultipartReader
from studies.dicomweb.store_answer import Stored, StoreReport
from studies.dicomweb.store_part import store_part

logger = logging.getLogger(__name__)
OFFERS = (Offer(DICOM_JSON), Offer("application/json"))
MAXIMUM_PARTS = 10_000
# A sender that says nothing for so long, or on the whole sends slower than this, keeps a thread from others.
SILENT_SECONDS = 30
GRACE_SECONDS, SLOWEST_BYTES_PER_SECOND = 60, 4_096
AE_TITLE_CHARACTERS = 16
_OURS = "STOW:"


class TooSlow(APIException):
    """The body does not come in."""

    status_code = 408
    default_detail = "The body of the request did not come in, or too slowly."


class Closed(APIException):
    """Nothing is taken now, as C-STORE would answer 0xA700."""

    status_code = 503
    wait = 30


def store(request: HttpRequest, study: str = "") -> HttpResponseBase:
    """Store what the parts hold; what is answered as stored is durable.

    200: all of it; 202: some; 409: nothing, each for its own reason; 503: nothing, for there is no room now.
    """
    header, parameter = request.headers.get("Accept", ""), request.GET.get("accept", "")
    chosen = choose(OFFERS, header=header, parameter=parameter)
    boundary = _boundary(request)
    services = services_for(settings.GANTRY.ae_title)
    assert services is not None  # noqa: S101 (settings name it)
    if reason := services.congestion():
        raise Closed(f"Nothing is stored now: {reason}. Try again later.")
    report = StoreReport(root_of(request))
    started = time.monotonic()
    with _patience(request) as read:
        try:
            reader = MultipartReader(read, boundary)
            for number, head in enumerate(reader.parts(), 1):
                if number > MAXIMUM_PARTS:
                    raise BadMultipart(f"it has more than {MAXIMUM_PARTS} parts")
                report.add(_take(services, request, study, head, reader.content()))
        except BadMultipart as error:
            if not report.parts:
                raise ParseError(f"The body is not of the form that its Content-Type says: {error}.") from error
            report.add(Stored(failure=0xC000, comment=str(error)))
        except (TimeoutError, UnreadablePostError, OSError) as error:
            if not report.stored:
                raise TooSlow from error
            report.add(Stored(failure=0xC000, comment="the rest of the body did not come in"))
    if not report.parts:
        raise ParseError("The body has no parts.")
    logger.info(
        "stored by STOW-RS",
        extra={
            "count": len(report.stored),
            "failed": len(report.failed),
            "status": report.status,
            "milliseconds": round((time.monotonic() - started) * 1000),
        },
    )
    response = JsonResponse(report.as_json(), status=report.status, content_type=chosen.media_type)
    if report.status == 503:
        response["Retry-After"] = str(Closed.wait)
    return response


def calling_ae_title_of(user: Any) -> str:
    """What rules know the sender by: ``STOW:`` and the beginning of the API key's or the user's name.

    The prefix keeps a key from passing for a device or an AI worker that is known by its AE title.
    """
    key = getattr(user, "api_key", None)
    name = str(key.name if key is not None else user.get_username())
    plain = "".join(each if each.isascii() and each.isprintable() and each != "\\" else "_" for each in name)
    return f"{_OURS}{plain}"[:AE_TITLE_CHARACTERS].rstrip()


def _take(services: Services, request: HttpRequest, study: str, head: Message, content: Iterator[bytes]) -> Stored:
    if head.get_content_type() != DICOM and head.get("Content-Type"):
        if head.get_content_type() == DICOM_JSON:
            raise _not_taken(DICOM_JSON)
        return Stored(failure=0xC000, comment=f"the part is no {DICOM}")
    return store_part(
        services,
        content,
        calling_ae_title=calling_ae_title_of(request.user),
        called_ae_title=settings.GANTRY.ae_title,
        source_address=request.META.get("REMOTE_ADDR", ""),
        study_instance_uid=study,
    )


def _boundary(request: HttpRequest) -> str:
    """Of a body that is ``multipart/related`` of DICOM instances.

    Raises:
        UnsupportedMediaType: it is something else; metadata apart from bulk data are not taken.
        ParseError: it has no boundary.
    """
    said = Message()
    said["Content-Type"] = request.META.get("CONTENT_TYPE") or "application/octet-stream"
    kind = str(said.get_param("type") or DICOM).lower()
    if said.get_content_type() != MULTIPART or kind != DICOM:
        raise _not_taken(kind if said.get_content_type() == MULTIPART else said.get_content_type())
    boundary = said.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise ParseError("The Content-Type names no boundary.")
    return boundary


def _not_taken(media_type: str) -> UnsupportedMediaType:
    detail = f'"{media_type[:100]}" is not taken; send {MULTIPART}; type="{DICOM}".'
    return UnsupportedMediaType(media_type, detail=detail)


class _patience:  # noqa: N801 (it is used as a function)
    """Reads the body, as long as it comes in quickly enough.

    Gunicorn's threads would wait for ever. A body without Content-Length, sent in chunks, Django takes for empty: it is
    read from the server itself.
    """

    def __init__(self, request: HttpRequest) -> None:
        environ = request.META
        self._socket = environ.get("gunicorn.socket")
        is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        self._source: Callable[[int], bytes] = environ["wsgi.input"].read if is_chunked else request.read
        self._started, self._count = time.monotonic(), 0

    def __enter__(self) -> Callable[[int], bytes]:
        if self._socket is not None:
            self._socket.settimeout(SILENT_SECONDS)
        return self._read

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.settimeout(None)

    def _read(self, count: int) -> bytes:
        piece = self._source(count)
        self._count += len(piece)
        seconds = time.monotonic() - self._started
        if seconds > GRACE_SECONDS and self._count < SLOWEST_BYTES_PER_SECOND * (seconds - GRACE_SECONDS):
            raise TimeoutError
        return piece
