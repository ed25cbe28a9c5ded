"""OHIF, the advanced viewer, where it has been installed (``manage.py installohif``), for whoever is signed in."""

import mimetypes
import re
from pathlib import Path

from csp.constants import SELF
from csp.decorators import csp_replace, csp_update
from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import SuspiciousFileOperation
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils._os import safe_join
from django.views.decorators.http import require_safe

INDEX = "index.html"
# Its page has no script of its own in it; its codec workers make functions from text, and are served without a policy.
POLICY = {
    "script-src": [SELF, "'wasm-unsafe-eval'"],
    "worker-src": [SELF, "blob:"],
    "style-src": [SELF, "'unsafe-inline'"],
    "img-src": [SELF, "data:", "blob:"],
    "font-src": [SELF, "data:"],
    "connect-src": [SELF, "data:", "blob:"],
}
# It shows PDFs in an element that every other page forbids: 'none' has to go, not to be added to.
REPLACED = {"object-src": [SELF]}
_HASHED = re.compile(r"(^|\.)[0-9a-f]{16}\.[a-z0-9]+$")
_TYPES = {".wasm": "application/wasm", ".js": "text/javascript", ".mjs": "text/javascript"}


def ohif_folder() -> Path:
    """Where its files are, or would be."""
    return Path(settings.GANTRY.home) / "ohif"


def is_installed() -> bool:
    """Whether its files are there."""
    return (ohif_folder() / INDEX).is_file()


@require_safe
@permission_required("studies.view_study", raise_exception=True)
def ohif(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """A file of OHIF; every path without a dot in its name is its page, which finds its own way."""
    if not is_installed():
        return render(request, "viewer/no_ohif.html", status=404)
    if "." in path.rpartition("/")[2]:
        return _file(request, path)
    return _page(request)


@csp_replace(REPLACED)
@csp_update(POLICY)
def _page(request: HttpRequest) -> HttpResponse:
    response = HttpResponse((ohif_folder() / INDEX).read_bytes(), content_type="text/html; charset=utf-8")
    response["Cache-Control"] = "private, no-cache"
    return response


def _file(request: HttpRequest, path: str) -> HttpResponseBase:
    try:
        file = Path(safe_join(ohif_folder(), path))
    except (SuspiciousFileOperation, ValueError) as error:
        raise Http404("OHIF has no such file.") from error
    packed = file.with_name(f"{file.name}.gz")
    is_packed = "gzip" in request.headers.get("Accept-Encoding", "") and packed.is_file()
    if not file.is_file():
        raise Http404("OHIF has no such file.")
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    response = FileResponse((packed if is_packed else file).open("rb"), content_type=kind)
    if is_packed:
        response["Content-Encoding"] = "gzip"
    response["Vary"] = "Accept-Encoding"
    is_lasting = _HASHED.search(file.name) is not None
    response["Cache-Control"] = "private, max-age=31536000, immutable" if is_lasting else "private, max-age=3600"
    response["X-Content-Type-Options"] = "nosniff"
    response._csp_exempt = True  # type: ignore[attr-defined] # what django-csp's decorator sets on views of one argument
    return response
