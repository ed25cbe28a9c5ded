"""QIDO-RS: searches for studies, series and instances, as C-FIND finds them (PS3.18 10.6).

An extension: ``orderby`` takes keywords or tags, with a minus before those that descend, and ``X-Total-Count`` says
how many matches there are.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ValidationError

from studies.dicomweb.accept import DICOM_JSON, Offer, choose
from studies.dicomweb.qido_parameters import Parameters, read_parameters
from studies.errors import InvalidQuery
from studies.matching import Single
from studies.query.conditions import column_of
from studies.query.dicom_json import DEFAULT_KEYWORDS, JsonRows
from studies.query.keys import BY_KEYWORD, UNIQUE_KEYS, Key, QueryLevel
from studies.query.question import question
from studies.query.search import Search

JSON = "application/json"
OFFERS = (Offer(DICOM_JSON), Offer(JSON))
ROOT = "/dicom-web/"
_IN_PATH = {"study": UNIQUE_KEYS[QueryLevel.STUDY], "series": UNIQUE_KEYS[QueryLevel.SERIES]}
_DEFAULTS = {level: tuple(BY_KEYWORD[word] for word in words) for level, words in DEFAULT_KEYWORDS.items()}
# Studies of the latest date first, which an index has in this order; the others in the order in which they came.
_ORDERS = {
    QueryLevel.STUDY: ("s.study_date DESC", "s.id DESC"),
    QueryLevel.SERIES: ("e.id",),
    QueryLevel.IMAGE: ("i.id",),
}


def search(level: QueryLevel) -> Callable[..., HttpResponseBase]:
    """The view of all searches at one level; what stands in the address narrows them."""

    def view(request: HttpRequest, **uids: str) -> HttpResponseBase:
        parameters = read_parameters(request.META.get("QUERY_STRING", ""), level)
        chosen = choose(OFFERS, header=request.headers.get("Accept", ""), parameter=request.GET.get("accept", ""))
        found = _search(level, parameters, uids)
        rows, total = _rows(found, parameters, _order(level, parameters))
        response = HttpResponse(status=204)
        if rows:
            encode = JsonRows(found, root=request.build_absolute_uri(ROOT), retrieve_ae_title=settings.GANTRY.ae_title)
            response = HttpResponse(encode.all(rows), content_type=chosen.media_type)
        response["X-Total-Count"] = str(total)
        remaining = total - parameters.offset - len(rows)
        sentences = list(parameters.warnings)
        if remaining > 0:
            sentences.append(f"There are {remaining} additional results that can be requested")
        if sentences:
            service = request.build_absolute_uri(ROOT)
            response["Warning"] = ", ".join(f'299 {service} "{sentence}"' for sentence in sentences)
        return response

    return view


def _search(level: QueryLevel, parameters: Parameters, uids: dict[str, str]) -> Search:
    matchers = dict(parameters.matchers)
    for name, uid in uids.items():
        key = _IN_PATH[name]
        if key in matchers:
            raise ValidationError({key.keyword: ["It stands in the address already."]})
        matchers[key] = Single(uid)
    asked = [*_asked(level, uids), *parameters.matchers, *parameters.include]
    try:
        return Search(question(level, matchers, asked, combine_date_time=True))
    except InvalidQuery as error:
        name = next((key.keyword for key in matchers if key.tag == error.tag), "query")
        raise ValidationError({name: [f"{error}."]}) from error


def _asked(level: QueryLevel, uids: dict[str, str]) -> list[Key]:
    """What is returned without being asked for, also of the levels above that the address does not name."""
    asked = list(_DEFAULTS[level])
    if level is not QueryLevel.STUDY and "study" not in uids:
        asked += _DEFAULTS[QueryLevel.STUDY]
    if level is QueryLevel.IMAGE and "series" not in uids:
        asked += _DEFAULTS[QueryLevel.SERIES]
    return asked


def _order(level: QueryLevel, parameters: Parameters) -> list[str]:
    order = [f"{column_of(key)} DESC" if descends else column_of(key) for key, descends in parameters.order]
    return [*order, *(column for column in _ORDERS[level] if not order or ".id" in column)]


def _rows(found: Search, parameters: Parameters, order: list[str]) -> tuple[list[tuple[object, ...]], int]:
    if not parameters.limit:
        return [], found.window(order, 0, 1)[1] or found.count()
    rows, total = found.window(order, parameters.offset, parameters.limit)
    return rows, found.count() if total is None else total
