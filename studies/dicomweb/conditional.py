"""ETags and ranges: what a client has already is not sent again (RFC 9110 8.8.3, 13.1.2, 14)."""

import re

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


def byte_range(header: str, size: int) -> range | None:
    """The one range that is asked for, cut to what there is; empty when nothing of it is there.

    Returns:
        None: all, for there is no Range, it asks for several, or for something that is no range (RFC 9110 14.2).
    """
    found = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return range(max(0, size - int(found[2])), size)
    start = int(found[1])
    end = int(found[2]) + 1 if found[2] else max(size, start + 1)
    if end <= start:
        return None
    return range(start, min(end, size)) if start < size else range(0)
