"""Downloads for the pages and the viewer: studies or a series as ZIP with DICOMDIR, one instance as its file."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET
from pydicom import dcmread
from pydicom.uid import EncapsulatedPDFStorage

from studies.errors import InstanceDamaged, InstanceMissing, InstanceOffline
from studies.integrity import ensure_intact
from studies.media.archive import MediaArchive, studies_archive, study_archive
from studies.models import Instance, Series, Study, Tier

logger = logging.getLogger(__name__)
# Of one ZIP of several studies: it is put together in a request, and kept by a browser.
MAXIMUM_STUDIES = 50
MAXIMUM_INSTANCES = 20_000
MAXIMUM_BYTES = 20 * 10**9
_NOT_FOR_NAMES = re.compile(r"[^0-9A-Za-z]+")


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def study_zip(request: HttpRequest, study_instance_uid: str) -> HttpResponseBase:
    """All instances of a study."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    return _zip(request, study, None)


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def series_zip(request: HttpRequest, study_instance_uid: str, series_instance_uid: str) -> HttpResponseBase:
    """All instances of a series."""
    series = get_object_or_404(
        Series.objects.select_related("study"),
        study__study_instance_uid=study_instance_uid,
        series_instance_uid=series_instance_uid,
    )
    return _zip(request, series.study, series)


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def instance_file(request: HttpRequest, study_instance_uid: str, sop_instance_uid: str) -> HttpResponseBase:
    """The stored file; with ``?part=document`` the PDF in it (PS3.3 A.45.1)."""
    instance = get_object_or_404(
        Instance,
        sop_instance_uid=sop_instance_uid,
        series__study__study_instance_uid=study_instance_uid,
        is_primary=True,
    )
    try:
        path = ensure_intact(instance)
    except InstanceOffline as error:
        return _recalled(request, study_instance_uid, error)
    except (InstanceDamaged, InstanceMissing) as error:
        raise Http404(_("The file of this instance is not there, or damaged.")) from error
    if request.GET.get("part") == "document" and instance.sop_class_uid == EncapsulatedPDFStorage:
        return _pdf(path)
    name = f"{_tail(sop_instance_uid)}.dcm"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="application/dicom")


class ZipTooLarge(Exception):
    """Of these studies no ZIP is made; says why and what to do."""


def studies_zip(studies: QuerySet[Study]) -> HttpResponseBase:
    """All instances of several studies.

    Raises:
        ZipTooLarge: there are none or too many, or some have to be brought back first.
    """
    chosen = list(studies[: MAXIMUM_STUDIES + 1])
    _check_size(chosen)
    try:
        archive = studies_archive(chosen)
    except InstanceOffline as error:
        raise ZipTooLarge(
            _("A study has just left the quick disk; it is being brought back. Try again later.")
        ) from error
    except InstanceMissing as error:
        logger.error("download refused", extra={"reason": str(error)})
        raise ZipTooLarge(_("A stored file is not there, or damaged; the log of the server says which.")) from error
    return _streamed(archive, f"studies-{len(chosen)}.zip")


def _check_size(studies: list[Study]) -> None:
    instances = sum(study.number_of_study_related_instances for study in studies)
    size_bytes = sum(study.size_bytes for study in studies)
    away = sum(study.tier != Tier.HOT for study in studies)
    if not studies:
        raise ZipTooLarge(_("Choose a study first."))
    if len(studies) > MAXIMUM_STUDIES or instances > MAXIMUM_INSTANCES or size_bytes > MAXIMUM_BYTES:
        raise ZipTooLarge(
            _(
                "A ZIP takes up to %(studies)d studies, %(instances)s instances and %(size)d GB together: choose "
                "fewer, or send them to a destination."
            )
            % {
                "studies": MAXIMUM_STUDIES,
                "instances": number_format(MAXIMUM_INSTANCES, force_grouping=True),
                "size": MAXIMUM_BYTES // 10**9,
            }
        )
    if away:
        raise ZipTooLarge(
            ngettext(
                "%(away)d of these studies is on a slower tier: move them to the tier hot first.",
                "%(away)d of these studies are on a slower tier: move them to the tier hot first.",
                away,
            )
            % {"away": away}
        )


def _zip(request: HttpRequest, study: Study, series: Series | None) -> HttpResponseBase:
    try:
        archive = study_archive(study, series)
    except InstanceOffline as error:
        return _recalled(request, study.study_instance_uid, error)
    except InstanceMissing as error:
        logger.error("download refused", extra={"reason": str(error)})
        return render(request, "studies/download_failed.html", {"study": study}, status=503)
    kind, uid = ("series", series.series_instance_uid) if series else ("study", study.study_instance_uid)
    return _streamed(archive, f"{kind}-{_tail(uid)}.zip")


def _streamed(archive: MediaArchive, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_logged(archive), content_type="application/zip")
    response["Content-Length"] = str(archive.size_bytes)
    # No name of a patient in a file that lies about in a folder of downloads.
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _recalled(request: HttpRequest, study_instance_uid: str, error: InstanceOffline) -> HttpResponse:
    study = Study.objects.get(study_instance_uid=study_instance_uid)
    hours = round(error.retry_seconds / 3600)
    response = render(request, "studies/recalled.html", {"study": study, "hours": hours}, status=503)
    response["Retry-After"] = str(error.retry_seconds)
    return response


def _logged(archive: MediaArchive) -> Iterator[bytes]:
    try:
        yield from archive.chunks()
    except (InstanceDamaged, InstanceMissing) as error:
        # The status is sent already: the connection ends before its time, and the browser says that it failed.
        logger.error("download broken off", extra={"reason": str(error)})
        raise


def _pdf(path: Path) -> HttpResponse:
    ds = dcmread(path)
    content = bytes(ds.get("EncapsulatedDocument") or b"")
    begin = content.find(b"%PDF-", 0, 1024)
    if begin < 0:
        raise Http404(_("This object holds no PDF."))
    length = int(ds.get("EncapsulatedDocumentLength") or 0) or len(content)
    response = HttpResponse(content[begin:length], content_type="application/pdf")
    response["Content-Disposition"] = 'inline; filename="document.pdf"'
    response["X-Content-Type-Options"] = "nosniff"
    # Browsers show a PDF in an embedded element of their own; this site's policy has none.
    response["Content-Security-Policy"] = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"
    return response


def _tail(uid: str) -> str:
    return _NOT_FOR_NAMES.sub("", uid)[-12:]
