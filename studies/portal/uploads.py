"""The upload page: files, folders and ZIPs, dropped or chosen, each with what became of it."""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from studies.uploads.take import CHUNK_BYTES, MAXIMUM_FILE_BYTES, Taken, take_file
from studies.uploads.zips import BadZip, take_zip

logger = logging.getLogger(__name__)
# Operators may bring instances; viewers may not.
PERMISSION = "studies.add_instance"
MAXIMUM_NAME_LENGTH = 200
_ZIP_TYPE = "application/zip"


@dataclass(frozen=True)
class Line:
    """One line of the result: a file's name as it was sent, and what became of it."""

    name: str
    taken: Taken

    def as_json(self) -> dict[str, str]:
        """For the page's script."""
        return {
            "name": self.name,
            "outcome": self.taken.outcome,
            "reason": self.taken.reason,
            "study": self.taken.study_instance_uid,
        }


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(PERMISSION, raise_exception=True)
def upload(request: HttpRequest) -> HttpResponse:
    """The page; a form without script posts its files here."""
    lines: list[Line] = []
    if request.method == "POST":
        for file in request.FILES.getlist("files"):
            lines += _take(file, file.size or 0, _shown(file.name or ""), _address(request))
        _log(request, lines)
    return render(request, "studies/upload.html", {"lines": lines, "is_sent": request.method == "POST"})


@require_POST
@permission_required(PERMISSION, raise_exception=True)
def upload_file(request: HttpRequest) -> JsonResponse:
    """One file as the body of a request, its name in the query: streamed, so its size costs no memory."""
    name = _shown(request.GET.get("name", ""))
    if request.content_type == _ZIP_TYPE:
        with tempfile.TemporaryFile(dir=settings.GANTRY.run_dir) as kept:
            size = _keep(request, kept)
            lines = _take(kept, size, name, _address(request)) if size is not None else [_too_large(name)]
    else:
        lines = [Line(name, take_file(request, source_address=_address(request)))]
    _log(request, lines)
    return JsonResponse({"files": [line.as_json() for line in lines]})


def _take(file: IO[bytes] | UploadedFile, size: int, name: str, address: str) -> list[Line]:
    """A ZIP by what it begins with, whatever it is called."""
    file.seek(0)
    is_zip = file.read(4) == b"PK\x03\x04"
    file.seek(0)
    if not is_zip:
        return [Line(name, take_file(file, source_address=address))]
    return list(_take_zip(file, size, name, address))


def _take_zip(file: IO[bytes], size: int, name: str, address: str) -> Iterator[Line]:
    try:
        for inner, taken in take_zip(file, size, source_address=address):
            yield Line(_shown(inner), taken)
    except BadZip as error:
        yield Line(name, Taken("refused", str(error)))


def _keep(request: HttpRequest, kept: IO[bytes]) -> int | None:
    """The body in a file without a name; None when it is larger than is taken."""
    size = 0
    while piece := request.read(CHUNK_BYTES):
        size += len(piece)
        if size > MAXIMUM_FILE_BYTES:
            return None
        kept.write(piece)
    kept.flush()
    return size


def _too_large(name: str) -> Line:
    return Line(
        name,
        Taken("refused", _("It is larger than %(size)d GiB; send it in parts.") % {"size": MAXIMUM_FILE_BYTES >> 30}),
    )


def _shown(name: str) -> str:
    """A name to be shown as text; it never becomes a path."""
    return "".join(character if character.isprintable() else "�" for character in name)[-MAXIMUM_NAME_LENGTH:]


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))[:45]


def _log(request: HttpRequest, lines: Iterable[Line]) -> None:
    outcomes: dict[str, Any] = {}
    for line in lines:
        outcomes[line.taken.outcome] = outcomes.get(line.taken.outcome, 0) + 1
    logger.info(
        "upload",
        extra={
            "username": request.user.get_username(),
            **{f"files_{k.replace('-', '_')}": v for k, v in outcomes.items()},
        },
    )
