"""Who looked at, downloaded or searched what on the web: one middleware for pages, API and DICOMweb.

It stands around all doors and reads from the resolved address what was asked for. A page or a viewer asks a hundred
times for one study; of the same person, act and study one record a minute is kept by each process.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from dicomnet.audit import Action, ActorKind, Entry, note
from gateway.audit.actor import actor_of
from studies.admission import is_uid
from studies.lately import Lately

ACCESS_SECONDS, QUERY_SECONDS = 60, 600
# Pages and resources of the API that show or give out one study, by the name of their address.
OF_A_STUDY: Mapping[str, Action] = {
    "study-detail": Action.ACCESSED,
    "study-trace": Action.ACCESSED,
    "study-receipt": Action.ACCESSED,
    "series-instances": Action.ACCESSED,
    "study-zip": Action.EXPORTED,
    "series-zip": Action.EXPORTED,
    "instance-file": Action.EXPORTED,
    "api-study-detail": Action.ACCESSED,
    "api-study-instances": Action.ACCESSED,
    "api-study-trace": Action.ACCESSED,
    "api-study-receipt": Action.ACCESSED,
    "api-study-file": Action.EXPORTED,
}
# Lists of studies, with what they search.
QUERIES: Mapping[str, str] = {
    "study-list": "studies page",
    "api-study-list": "studies by API",
    "span-search": "all archives page",
    "api-span-studies": "all archives by API",
    "api-span-series": "all archives by API",
    "api-span-instances": "all archives by API",
}
_PATIENT = ("PatientID", "00100020", "patient_id")
_DICOMWEB = "/dicom-web/"
_SEARCHES = ("studies/?$", "series/?$", "instances/?$")
_accesses, _queries = Lately(ACCESS_SECONDS), Lately(QUERY_SECONDS)


class Accesses:
    """Middleware; it stands before ``gateway.straight_door``, so that nobody goes past it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and note what was answered before the first byte of it leaves."""
        response = self._get_response(request)
        match = request.resolver_match
        if match is not None:
            entries = refusals(request, response.status_code) or acts(request, response.status_code)
            fresh = [entry for entry in entries if _is_new(request, entry)]
            if fresh:
                note(*fresh)
        return response


def acts(request: HttpRequest, status: int) -> list[Entry]:
    """What an answered request was, as entries."""
    match: Any = request.resolver_match
    was_answered = status < 300 or status == 304 or (request.method == "POST" and status == 302)
    if not (was_answered and actor_of(request).name):
        return []
    if request.path_info.startswith(_DICOMWEB):
        return _by_dicomweb(request)
    if match.url_name in OF_A_STUDY:
        return [Entry(OF_A_STUDY[match.url_name], study_instance_uid=match.kwargs["study_instance_uid"])]
    if match.url_name == "viewer":
        given = ",".join(request.GET.getlist("StudyInstanceUIDs")).split(",")
        return [Entry(Action.ACCESSED, study_instance_uid=uid, subject="viewer") for uid in given[:8] if is_uid(uid)]
    if match.url_name in QUERIES and (match.url_name != "span-search" or request.method == "POST"):
        return [_query(request, QUERIES[match.url_name], "")]
    if match.app_name == "admin" and str(match.url_name).startswith("studies_"):
        return [Entry(Action.ACCESSED, subject=f"Django admin: {match.url_name} {match.kwargs.get('object_id', '')}")]
    return []


def refusals(request: HttpRequest, status: int) -> list[Entry]:
    """Somebody who is known asked for what the role does not allow, or a key was wrong."""
    if status == 403 and actor_of(request).name:
        return [Entry(Action.REFUSED, subject=f"{request.method} {request.path_info}")]
    key = request.META.get("HTTP_AUTHORIZATION", "").partition("Api-Key ")[2]
    if status == 401 and key:
        address = str(request.META.get("REMOTE_ADDR", ""))
        # What stands before the point is the key's public name.
        name = key.partition(".")[0][:8] if "." in key else "(no name)"
        return [Entry(Action.SIGN_IN_FAILED, actor=name, actor_kind=ActorKind.KEY, address=address)]
    return []


def _by_dicomweb(request: HttpRequest) -> list[Entry]:
    match: Any = request.resolver_match
    if request.method != "GET":
        return []
    study = match.kwargs.get("study", "") or request.GET.get("studyUID", "")
    service = f"federation {match.kwargs['span']}" if "span" in match.kwargs else "DICOMweb"
    if match.route.endswith(_SEARCHES):
        return [_query(request, service, study)]
    return [Entry(Action.ACCESSED, study_instance_uid=study, subject=service)] if study else []


def _query(request: HttpRequest, subject: str, study: str) -> Entry:
    """A search: by what, with a Patient ID that was asked for; other values are not kept."""
    asked = request.POST if request.method == "POST" else request.GET
    patient_id = next((asked[name] for name in _PATIENT if asked.get(name)), "")
    keys = sorted(name[:64] for name in asked if asked[name] and name != "csrfmiddlewaretoken")[:50]
    detail = {"keys": keys} if keys else {}
    return Entry(Action.QUERIED, study_instance_uid=study, patient_id=patient_id, subject=subject, detail=detail)


def _is_new(request: HttpRequest, entry: Entry) -> bool:
    of_whom = (actor_of(request), entry.actor, entry.action, entry.subject, entry.study_instance_uid, entry.patient_id)
    if entry.action != Action.QUERIED:
        return _accesses.is_new(hash(of_whom))
    return _queries.is_new(hash((of_whom, request.META.get("QUERY_STRING", ""), str(entry.detail))))
