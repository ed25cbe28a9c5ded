"""WADO-URI: one instance by query parameters, as a file or as a picture (PS3.18 9)."""

import re
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import NotAcceptable, ParseError

from studies.dicomweb.accept import ANY, DICOM, Offer, choose
from studies.dicomweb.archive import stored_instance
from studies.dicomweb.instances import EXPLICIT, TARGETS, alone
from studies.dicomweb.rendered import FORMATS, Wishes, picture
from studies.models import Instance

PARAMETERS = frozenset(
    {
        "requestType", "studyUID", "seriesUID", "objectUID", "contentType", "charset", "transferSyntax", "frameNumber",
        "rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality", "annotation", "accept",
    }
)  # fmt: skip
_UID = re.compile(r"[0-9.]{1,64}")
_FRACTION = re.compile(r"(0(\.[0-9]{1,9})?|1(\.0{1,9})?)")


def wado_uri(request: HttpRequest) -> HttpResponseBase:
    """A picture of the first frame by default; of what has several or none, the file (PS3.18 9.1.2.2.1)."""
    asked = request.GET
    if asked.get("requestType") != "WADO":
        raise ParseError("requestType is WADO.")
    if unknown := set(asked) - PARAMETERS:
        # Above all anonymize: whoever asks for it must not get an instance with its names.
        raise ParseError(f"Not supported here: {', '.join(sorted(unknown))[:200]}.")
    uids = [asked.get(name, "") for name in ("studyUID", "seriesUID", "objectUID")]
    if not all(map(_UID.fullmatch, uids)):
        raise ParseError("studyUID, seriesUID and objectUID are UIDs.")
    row = stored_instance(*uids)
    is_single = bool(row.rows) and (row.number_of_frames or 1) == 1 and "transferSyntax" not in asked
    kinds = [*FORMATS, DICOM] if is_single or "frameNumber" in asked else [DICOM, *FORMATS]
    # The address decides; the header only where that says nothing.
    accepted = asked.get("contentType") or request.headers.get("Accept", "")
    chosen = choose([Offer(kind) for kind in kinds], header=accepted).media_type
    if chosen == DICOM:
        syntax = asked.get("transferSyntax") or EXPLICIT
        if syntax not in {ANY, row.transfer_syntax_uid, *TARGETS}:
            raise NotAcceptable("The instance cannot be had in this transfer syntax.")
        return alone(request, row, syntax)
    frame = asked.get("frameNumber", "1")
    if not frame.isascii() or not frame.isdecimal() or not 1 <= int(frame[:10]) < 10**9:
        raise ParseError("frameNumber is a number from 1.")
    return picture(request, row, int(frame), Wishes.of(_as_rendered(asked, row)), chosen)


def _as_rendered(asked: Any, row: Instance) -> dict[str, str]:
    """The same wishes as the parameters of a rendered resource."""
    found = {"quality": asked.get("imageQuality", "")}
    if ("windowCenter" in asked) != ("windowWidth" in asked):
        raise ParseError("windowCenter and windowWidth belong together.")
    if "windowCenter" in asked:
        found["window"] = f"{asked['windowCenter']},{asked['windowWidth']}"
    region = _region(asked.get("region", ""), row)
    size = [asked.get("columns", ""), asked.get("rows", "")]
    if any(size) or region:
        full = region[2:] if region else [str(row.columns or 1), str(row.rows or 1)]
        # Of one that is not given the picture's own counts, so that it does not limit.
        width, height = (each or ("8192" if any(size) else own) for each, own in zip(size, full, strict=True))
        found["viewport"] = ",".join([width, height, *region])
    return found


def _region(text: str, row: Instance) -> list[str]:
    """Left, top, width and height in pixels, of corners as fractions (PS3.18 9.1.2.2.7)."""
    if not text:
        return []
    parts = text.split(",")
    if len(parts) != 4 or not all(_FRACTION.fullmatch(part) for part in parts):
        raise ParseError("region is four fractions from 0 to 1: left,top,right,bottom.")
    left, top, right, bottom = map(float, parts)
    if right <= left or bottom <= top:
        raise ParseError("The corners of a region are left,top,right,bottom.")
    columns, rows = row.columns or 1, row.rows or 1
    width, height = max(1, round((right - left) * columns)), max(1, round((bottom - top) * rows))
    return [str(round(left * columns)), str(round(top * rows)), str(width), str(height)]
