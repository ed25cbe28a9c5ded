"""WADO-RS metadata: what the data sets say without their bulk data, as DICOM JSON (PS3.18 10.4.1.1.4, F)."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from studies.dicomweb.accept import DICOM_JSON, Offer, choose
from studies.dicomweb.archive import as_http, root_of, stored_instances
from studies.dicomweb.conditional import is_known, with_etag
from studies.metadata import compressed, digest_of, pieces, plain, series_metadata
from studies.models import Instance

OFFERS = (Offer(DICOM_JSON), Offer("application/json"))


def metadata(request: HttpRequest, study: str, series: str = "", instance: str = "") -> HttpResponseBase:
    """Of a study, a series or an instance."""
    chosen = choose(
        OFFERS, header=request.headers.get("Accept", ""), parameter=request.GET.get("accept", "")
    ).media_type
    rows = stored_instances(study, series, instance)
    root = root_of(request)
    digest = digest_of(rows, root)
    if is_known(request, digest):
        return with_etag(HttpResponse(status=304), digest)
    takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    response: HttpResponseBase
    with as_http():
        if instance:
            response = HttpResponse(b"".join(pieces(rows, root)), content_type=chosen)
        elif series:
            _, held = series_metadata(rows[0].series_id, rows, root)
            response = HttpResponse(held if takes_gzip else plain(held), content_type=chosen)
        else:
            parts = [list(each) for _, each in groupby(rows, key=lambda row: row.series_id)]
            first = _inner(parts[0], root)  # an error of the first still has a status of its own
            body = _joined(first, parts[1:], root)
            told: Iterable[bytes] = compressed(body, 1) if takes_gzip else body
            response = StreamingHttpResponse(told, content_type=chosen)
    if takes_gzip and not instance:
        response["Content-Encoding"] = "gzip"
    response["Vary"] = "Accept-Encoding"
    return with_etag(response, digest)


def _joined(first: bytes, others: list[list[Instance]], root: str) -> Iterator[bytes]:
    yield b"[" + first
    for rows in others:
        yield b",\n" + _inner(rows, root)
    yield b"]"


def _inner(rows: list[Instance], root: str) -> bytes:
    return plain(series_metadata(rows[0].series_id, rows, root)[1])[1:-1]
