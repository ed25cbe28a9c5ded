"""WADO-RS rendered pictures and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.7, 8.3.5)."""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from pydicom.uid import UID, EncapsulatedPDFStorage
from rest_framework.exceptions import NotAcceptable, ParseError

from studies.dicomweb.accept import Offer, choose
from studies.dicomweb.archive import as_http, stored_instance, stored_instances
from studies.dicomweb.conditional import is_known, with_etag
from studies.dicomweb.frames import frame_list
from studies.errors import NoPixels
from studies.models import Instance
from studies.pixels import ask, ask_card, where_of

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF"}
OFFERS = tuple(Offer(media_type) for media_type in FORMATS)
PDF = "application/pdf"
THUMBNAIL_PIXELS = 128
MAXIMUM_PIXELS = 8192  # of a side of the viewport
FUNCTIONS = ("linear", "linear-exact", "sigmoid")
# (0042,0011) Encapsulated Document
DOCUMENT = 0x00420011
_PDF_POLICY = "sandbox; default-src 'none'; frame-ancestors 'self'"
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Wishes:
    """How a picture shall look.

    Attributes:
        viewport: width and height at most, and the region that is shown; None: all, in its own size.
        window: centre, width and function; None: as the data set says.
        quality: of a JPEG, 1 to 100.
    """

    viewport: list[int] | None = None
    window: tuple[float, float, str] | None = None
    quality: int = 90

    @classmethod
    def of(cls, parameters: Any) -> "Wishes":
        """Read the query parameters.

        Raises:
            ParseError: one of them is of another form, or out of bounds.
        """
        quality = parameters.get("quality") or "90"
        if not quality.isascii() or not quality.isdecimal() or not 1 <= int(quality[:4]) <= 100:
            raise ParseError("quality is a whole number from 1 to 100.")
        return cls(_viewport(parameters.get("viewport", "")), _window(parameters.get("window", "")), int(quality))


def rendered(request: HttpRequest, study: str, series: str, instance: str, numbers: str = "") -> HttpResponseBase:
    """One frame as a picture: the first of the list, or the first of the instance; a PDF as it is."""
    row = stored_instance(study, series, instance)
    if row.sop_class_uid == EncapsulatedPDFStorage:
        return _document(request, row)
    number = frame_list(numbers)[0] if numbers else 1
    return picture(request, row, number, Wishes.of(request.GET), _chosen(request))


def thumbnail(
    request: HttpRequest, study: str, series: str = "", instance: str = "", numbers: str = ""
) -> HttpResponseBase:
    """A small picture of a frame; of more, the one in the middle. What has no pixels gets a card with its kind."""
    row = _representative(stored_instances(study, series, instance))
    wishes = Wishes.of(request.GET)
    if wishes.viewport is None:
        wishes = Wishes([THUMBNAIL_PIXELS, THUMBNAIL_PIXELS], wishes.window, wishes.quality)
    number = frame_list(numbers)[0] if numbers else ((row.number_of_frames or 1) + 1) // 2
    chosen = _chosen(request)
    try:
        return picture(request, row, number, wishes, chosen)
    except NotAcceptable as error:
        if not isinstance(error.__cause__, NoPixels):
            raise
    options = {"format": FORMATS[chosen], "viewport": wishes.viewport, "quality": wishes.quality}
    with as_http():
        return HttpResponse(ask_card(_kind(row), **options), content_type=chosen)


def picture(request: HttpRequest, row: Instance, number: int, wishes: Wishes, chosen: str) -> HttpResponseBase:
    """One frame of an instance, counted from 1, in the chosen media type."""
    said = f"{row.sha256}{number}{wishes}{chosen}"
    digest = hashlib.sha256(said.encode()).hexdigest()[:32]
    if is_known(request, digest):
        return with_etag(HttpResponse(status=304), digest)
    with as_http():
        where = where_of(row, number)
        _, data = ask(
            row,
            "render",
            format=FORMATS[chosen],
            quality=wishes.quality,
            window=wishes.window,
            viewport=wishes.viewport,
            **where,
        )
    return with_etag(HttpResponse(data, content_type=chosen), digest)


def _chosen(request: HttpRequest) -> str:
    header, parameter = request.headers.get("Accept", ""), request.GET.get("accept", "")
    return choose(OFFERS, header=header, parameter=parameter).media_type


def _document(request: HttpRequest, row: Instance) -> HttpResponseBase:
    header, parameter = request.headers.get("Accept", ""), request.GET.get("accept", "")
    choose([Offer(PDF)], header=header, parameter=parameter)
    with as_http():
        _, data = ask(row, "bulkdata", where=[DOCUMENT])
    # The value is padded to an even length (PS3.5 6.2); readers want the end mark at the end.
    response = HttpResponse(data.rstrip(b"\0"), content_type=PDF)
    response["Content-Disposition"] = f'inline; filename="{row.sop_instance_uid}.pdf"'
    # OHIF shows it in an element of its page, so this site may frame it.
    response["Content-Security-Policy"] = _PDF_POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _representative(rows: Sequence[Instance]) -> Instance:
    """The one in the middle of the first series that holds pictures."""
    with_pixels = [row for row in rows if row.rows] or list(rows)
    alike = [row for row in with_pixels if row.series_id == with_pixels[0].series_id]
    alike.sort(key=lambda row: (_order(row.instance_number), row.pk))
    return alike[len(alike) // 2]


def _order(instance_number: str) -> int:
    return int(instance_number) if instance_number.isascii() and instance_number.isdecimal() else 0


def _kind(row: Instance) -> str:
    name = UID(row.sop_class_uid).name
    return name if name != row.sop_class_uid else "DICOM object"


def _viewport(text: str) -> list[int] | None:
    if not text:
        return None
    numbers = [_number(each, "viewport") for each in text.split(",")[:7]]
    if len(numbers) not in {2, 6} or not all(1 <= each <= MAXIMUM_PIXELS for each in numbers[:2]):
        raise ParseError(
            f"viewport is width,height from 1 to {MAXIMUM_PIXELS}, and after them may be left,top,width,height."
        )
    return [round(each) for each in numbers]


def _window(text: str) -> tuple[float, float, str] | None:
    if not text:
        return None
    parts = text.split(",")
    if len(parts) not in {2, 3} or (len(parts) == 3 and parts[2].lower() not in FUNCTIONS):
        raise ParseError(f"window is centre,width,function; the function is one of {', '.join(FUNCTIONS)}.")
    centre, width = _number(parts[0], "window"), _number(parts[1], "window")
    if width <= 0:
        raise ParseError("The width of a window is more than nothing.")
    return centre, width, parts[2].lower() if len(parts) == 3 else "linear"


def _number(text: str, name: str) -> float:
    if _NUMBER.fullmatch(text.strip()) is None or not math.isfinite(float(text)):
        raise ParseError(f"{name} is a list of numbers.")
    return float(text)
