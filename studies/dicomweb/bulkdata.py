"""WADO-RS bulk data: the value that a BulkDataURI of the metadata names (PS3.18 10.4.1.1.5)."""

import os
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from pydicom.uid import ExplicitVRBigEndian

from dicomnet.part10 import DEFLATED
from studies.dicomweb.accept import OCTETS, Offer, choose
from studies.dicomweb.archive import as_http, root_of, stored_instance
from studies.dicomweb.conditional import is_known, with_etag
from studies.dicomweb.frames import MAXIMUM_FRAMES, answer, offers_for
from studies.dicomweb.multipart import Part, multipart_response
from studies.errors import CannotDecode
from studies.frames import Layout, layout_of
from studies.integrity import damaged, open_instance, read_at
from studies.metadata import address_of
from studies.models import Instance
from studies.pixels import ask

OFFERS = (Offer(OCTETS, True), Offer(OCTETS))
PIXEL_DATA = frozenset({"7FE00008", "7FE00009", "7FE00010"})
PIECE_BYTES = 1 << 20


def bulkdata(request: HttpRequest, study: str, series: str, instance: str, where: str) -> HttpResponseBase:
    """One value: a tag, or a tag and the number of an item for each sequence that it stands in."""
    row = stored_instance(study, series, instance)
    header, parameter = request.headers.get("Accept", ""), request.GET.get("accept", "")
    digest = f"{row.sha256[:32]}-{where}"
    with as_http():
        layout = _layout(row) if where.upper() in PIXEL_DATA else None
        if layout is not None and layout.is_encapsulated:
            chosen = choose(offers_for(row.transfer_syntax_uid, is_single=False), header=header, parameter=parameter)
            if layout.number_of_frames > MAXIMUM_FRAMES:
                raise CannotDecode(f"it has more than {MAXIMUM_FRAMES} frames; ask for some of them")
            wanted = list(range(1, layout.number_of_frames + 1))
            return answer(row, wanted, chosen, f"{root_of(request)}{address_of(row)}/frames")
        chosen = choose(OFFERS, header=header, parameter=parameter)
        if is_known(request, digest):
            return with_etag(HttpResponse(status=304), digest)
        return with_etag(_answer(row, where, layout, chosen, request), digest)


def _answer(row: Instance, where: str, layout: Layout | None, chosen: Offer, request: HttpRequest) -> HttpResponseBase:
    if layout is not None:
        size = layout.native[1]
        pieces = _native(row, *layout.native)
    else:
        steps = [int(step, 16) if place % 2 == 0 else int(step) for place, step in enumerate(where.split("/"))]
        _, data = ask(row, "bulkdata", where=steps)
        size, pieces = len(data), iter([data])
    part = Part(OCTETS, size, pieces, request.build_absolute_uri(request.path))
    if chosen.is_multipart:
        return multipart_response([part], media_type=OCTETS, size_of=[part])
    return HttpResponse(b"".join(pieces), content_type=OCTETS)


def _layout(row: Instance) -> Layout | None:
    """Where the pixels are; None when the child has to turn them into little endian."""
    return None if row.transfer_syntax_uid in {*DEFLATED, ExplicitVRBigEndian} else layout_of(row)


def _native(row: Instance, start: int, length: int) -> Iterator[bytes]:
    fd = open_instance(row)
    try:
        position = start
        while position < start + length:
            piece = read_at(row, fd, position, min(PIECE_BYTES, start + length - position))
            if not piece:
                raise damaged(row, "its file has become shorter")
            position += len(piece)
            yield piece
    finally:
        os.close(fd)
