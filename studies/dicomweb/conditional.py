"""ETags: what a client has already is not sent again (RFC 9110 8.8.3, 13.1.2)."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags


def is_known(request: HttpRequest, digest: str) -> bool:
    """Whether the client says that it has this content, in whatever encoding."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return known == ["*"] or digest in {each.removeprefix("W/").strip('"') for each in known}


def with_etag(response: HttpResponseBase, digest: str) -> HttpResponseBase:
    """Say by which tag a client may ask again; a weak one, for encodings differ."""
    response["ETag"] = f'W/"{digest}"'
    return response
