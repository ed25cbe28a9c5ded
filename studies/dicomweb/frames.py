"""WADO-RS frames: stored as they are, decoded, or compressed anew (PS3.18 10.4.1.1.6, Table 8.7.3-5)."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from rest_framework.exceptions import ParseError

from dicomnet.part10 import DEFLATED
from studies.dicomweb.accept import OCTETS, Offer, choose
from studies.dicomweb.archive import as_http, root_of, stored_instance
from studies.dicomweb.conditional import is_known, with_etag
from studies.dicomweb.multipart import Part, multipart_response
from studies.errors import NoSuchFrame
from studies.frames import layout_of, stored_frame
from studies.metadata import address_of
from studies.models import Instance
from studies.pixels import decoded_frame, encoded_frame

MAXIMUM_FRAMES = 10_000  # in one request
EXPLICIT = str(ExplicitVRLittleEndian)
# Media type of one frame by transfer syntax: the beginnings of UIDs, the longest that fits counts.
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "1.2.840.10008.1.2.5": "image/dicom-rle",
        "1.2.840.10008.1.2.4.5": "image/jpeg",
        "1.2.840.10008.1.2.4.7": "image/jpeg",
        "1.2.840.10008.1.2.4.8": "image/jls",
        "1.2.840.10008.1.2.4.9": "image/jp2",
        "1.2.840.10008.1.2.4.92": "image/jpx",
        "1.2.840.10008.1.2.4.93": "image/jpx",
        "1.2.840.10008.1.2.4.10": "video/mpeg2",
        "1.2.840.10008.1.2.4.100": "video/mpeg2",
        "1.2.840.10008.1.2.4.101": "video/mpeg2",
        "1.2.840.10008.1.2.4.102": "video/mp4",
        "1.2.840.10008.1.2.4.103": "video/mp4",
        "1.2.840.10008.1.2.4.104": "video/mp4",
        "1.2.840.10008.1.2.4.105": "video/mp4",
        "1.2.840.10008.1.2.4.106": "video/mp4",
        "1.2.840.10008.1.2.4.107": "video/H265",
        "1.2.840.10008.1.2.4.108": "video/H265",
        "1.2.840.10008.1.2.4.110": "image/jxl",
        "1.2.840.10008.1.2.4.111": "image/jxl",
        "1.2.840.10008.1.2.4.112": "image/jxl",
        "1.2.840.10008.1.2.4.20": "image/jphc",
    }
)
# What a frame can be compressed to, without loss, when it is asked for and not stored so.
TARGETS = (str(JPEG2000Lossless), str(JPEGLSLossless), str(RLELossless))
_LIST = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")


@dataclass(frozen=True)
class _Frames:
    """How to get frames of one instance in the chosen form, and what each is."""

    size_of: Callable[[int], int] | None
    bytes_of: Callable[[int], bytes]


def frames(request: HttpRequest, study: str, series: str, instance: str, numbers: str) -> HttpResponseBase:
    """The frames of a list such as ``1,2,5``, counted from 1, in the order of the list."""
    wanted = frame_list(numbers)
    row = stored_instance(study, series, instance)
    offers = offers_for(row.transfer_syntax_uid, is_single=len(wanted) == 1)
    chosen = choose(offers, header=request.headers.get("Accept", ""), parameter=request.GET.get("accept", ""))
    digest = f"{row.sha256[:32]}-{chosen.transfer_syntax}"
    if is_known(request, digest):
        return with_etag(HttpResponse(status=304), digest)
    with as_http():
        return with_etag(answer(row, wanted, chosen, f"{root_of(request)}{address_of(row)}/frames"), digest)


def frame_list(text: str) -> list[int]:
    """Frame numbers, from 1.

    Raises:
        ParseError: it is no list of numbers, or a very long one.
    """
    if not _LIST.fullmatch(text):
        raise ParseError("A list of frames is numbers from 1, with commas between them.")
    found = [int(each) for each in text.split(",")]
    if min(found) < 1 or len(found) > MAXIMUM_FRAMES:
        raise ParseError(f"Frames are counted from 1, and at most {MAXIMUM_FRAMES} are sent at once.")
    return found


def media_type_of(transfer_syntax_uid: str) -> str:
    """Of one frame in this transfer syntax (PS3.18 Table 8.7.3-5)."""
    fitting = [known for known in MEDIA_TYPES if transfer_syntax_uid.startswith(known)]
    return MEDIA_TYPES[max(fitting, key=len)] if fitting else OCTETS


def offers_for(stored: str, *, is_single: bool) -> list[Offer]:
    """What one instance's frames can be had as, decoded samples first: that is what ``*/*`` means."""
    kinds = [True, False] if is_single else [True]
    own = media_type_of(stored)
    found = []
    for is_multipart in kinds:
        is_native = own == OCTETS
        found.append(Offer(OCTETS, is_multipart, EXPLICIT, is_default=True, is_stored=is_native))
        if not is_native:
            # A client that names no transfer syntax for its kind of picture reads the stored one as well.
            found.append(Offer(own, is_multipart, stored, is_default=True))
            found.append(Offer(OCTETS, is_multipart, stored, is_default=False))
        found += [
            Offer(media_type_of(target), is_multipart, target, media_type_of(target) != own, is_stored=False)
            for target in TARGETS
            if target != stored
        ]
    return found


def answer(row: Instance, wanted: list[int], chosen: Offer, base: str) -> HttpResponseBase:
    """These frames in the chosen form.

    Args:
        base: address of the frames, without their numbers.

    Raises:
        NoSuchFrame, NoPixels, CannotDecode, InstanceMissing, InstanceDamaged, Busy: before anything is sent.
    """
    get = _getter(row, wanted, chosen)
    content_type = f"{chosen.media_type}; transfer-syntax={chosen.transfer_syntax}"
    if not chosen.is_multipart:
        return HttpResponse(get.bytes_of(wanted[0]), content_type=content_type)
    first = get.bytes_of(wanted[0])  # an error of the first still has a status of its own
    if get.size_of is not None:
        sizes = [Part(content_type, get.size_of(number), (), f"{base}/{number}") for number in wanted]
    else:
        sizes = [Part(content_type, len(first), (), f"{base}/{wanted[0]}")] if len(wanted) == 1 else []

    def parts() -> Iterator[Part]:
        for place, number in enumerate(wanted):
            data = first if place == 0 else get.bytes_of(number)
            yield Part(content_type, len(data), [data], f"{base}/{number}")

    return multipart_response(parts(), media_type=chosen.media_type, size_of=sizes)


def _getter(row: Instance, wanted: list[int], chosen: Offer) -> _Frames:
    if row.transfer_syntax_uid in DEFLATED:  # only a decoder knows where its frames are
        return _Frames(None, lambda number: decoded_frame(row, number))
    layout = layout_of(row)
    if max(wanted) > layout.number_of_frames:
        raise NoSuchFrame(f"The instance has {layout.number_of_frames} frames.")
    if chosen.transfer_syntax not in {row.transfer_syntax_uid, EXPLICIT}:
        return _Frames(None, lambda number: encoded_frame(row, number, chosen.transfer_syntax))
    is_stored = layout.is_plain or (layout.is_encapsulated and chosen.transfer_syntax != EXPLICIT)
    if not is_stored:
        return _Frames(None, lambda number: decoded_frame(row, number))
    return _Frames(layout.size_of, lambda number: stored_frame(row, layout, number))
