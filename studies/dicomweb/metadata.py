"""WADO-RS metadata: what the data sets say without their bulk data, as DICOM JSON (PS3.18 10.4.1.1.4, F)."""

from collections.abc import Iterable, Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from studies.dicomweb.accept import DICOM_JSON, Offer, choose
from studies.dicomweb.archive import as_http, root_of, stored_instances, stored_pks
from studies.dicomweb.conditional import is_known, with_etag
from studies.metadata import FAST, compressed, digest_of, pieces, plain, series_metadata

OFFERS = (Offer(DICOM_JSON), Offer("application/json"))


def metadata(request: HttpRequest, study: str, series: str = "", instance: str = "") -> HttpResponseBase:
    """Of a study, a series or an instance."""
    chosen = choose(
        OFFERS, header=request.headers.get("Accept", ""), parameter=request.GET.get("accept", "")
    ).media_type
    takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    root = root_of(request)
    found = stored_pks(study, series, instance)
    digest = digest_of([pk for pks in found.values() for pk in pks], root)
    if is_known(request, digest):
        return with_etag(HttpResponse(status=304), digest)
    response: HttpResponseBase
    with as_http():
        if instance:
            body = b"".join(pieces(stored_instances(study, series, instance), root))
            return with_etag(HttpResponse(body, content_type=chosen), digest)
        bodies = (_series(study, pk, pks, root) for pk, pks in found.items())
        first = next(bodies)  # an error of the first still has a status of its own
        if len(found) == 1:
            response = HttpResponse(first if takes_gzip else plain(first), content_type=chosen)
        else:
            joined = _joined(first, bodies)
            told: Iterable[bytes] = compressed(joined, FAST) if takes_gzip else joined
            response = StreamingHttpResponse(told, content_type=chosen)
    if takes_gzip:
        response["Content-Encoding"] = "gzip"
    response["Vary"] = "Accept-Encoding"
    return with_etag(response, digest)


def _series(study: str, series_pk: int, pks: list[int], root: str) -> bytes:
    return series_metadata(series_pk, pks, root, lambda: stored_instances(study, series_pk=series_pk))


def _joined(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield b"[" + plain(first)[1:-1]
    for each in others:
        yield b",\n" + plain(each)[1:-1]
    yield b"]"
