"""WADO-RS and WADO-URI under a federation: what is here as the archive gives it, the rest once it has been brought.

The addresses in the answers, such as those of bulk data, are the archive's own: what is read is in it by then, and
what it keeps ready serves both doors.
"""

from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import NotFound

from spanner.bring import begin
from spanner.dicomweb.federation import DoesNotCome, OnItsWay, federation
from spanner.errors import NotBrought
from spanner.models import SpanningConfig
from studies.dicomweb import wado_uri as archive
from studies.dicomweb.door import View
from studies.sight import is_seen


def brought(view: View) -> View:
    """A view of the archive, of a study that is brought first where it is not here.

    Of one instance the archive is asked at once: a viewer has hundreds of them to read, and has the study by then. A
    list of what a study or series holds is only given when all of it is known to be here.
    """

    def enter(request: HttpRequest, span: str, study: str, **uids: str) -> HttpResponseBase:
        config = federation(span)
        if "instance" in uids:
            with suppress(NotFound):  # it is not here, or not any more
                return view(request, study=study, **uids)
        _bring(config, study, request)
        return view(request, study=study, **uids)

    return enter


def wado_uri(request: HttpRequest, span: str) -> HttpResponseBase:
    """One instance by query parameters."""
    config = federation(span)
    try:
        return archive.wado_uri(request)
    except NotFound:
        _bring(config, request.GET["studyUID"], request)  # the archive has seen that it is a UID
    return archive.wado_uri(request)


def _bring(config: SpanningConfig, study: str, request: HttpRequest) -> None:
    if not is_seen(study):
        raise NotFound("Nothing is stored under these UIDs.")
    try:
        begin(config, study, by=request.user.get_username()).result(timeout=settings.GANTRY.span_wait_seconds)
    except NotYet as error:
        raise OnItsWay from error
    except NotBrought as error:
        raise DoesNotCome(error) from error
