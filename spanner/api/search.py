"""API: one search in many archives.

The answer is written here, without the REST framework's serializers: for hundreds of matches they take longer than the
archives do.
"""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from spanner.api.answer import answer_of
from spanner.api.forms import PAGES, AcceptedSerializer, FederatedAnswerSerializer
from spanner.api.problems import Busy, IsOff
from spanner.errors import NoSuchSpan, SpanFailed, SpanIsOff, TooManyQueries
from spanner.later import ask_later
from spanner.models import SpanningConfig
from spanner.problems import TooFewAnswered
from spanner.qido_parameters import read_parameters
from spanner.search import find_span, span
from studies.api.views import JsonWhateverIsAsked
from studies.query.keys import QueryLevel

DOOR = "api"
OWN = ("spanner_config_id", "spanner_config", "async", "accept")
_LONGEST = 18  # digits of a number
_PARAMETERS = [
    OpenApiParameter("spanner_config_id", OpenApiTypes.INT, description="The federation that is asked."),
    OpenApiParameter("spanner_config", OpenApiTypes.STR, description="The same by its name."),
    OpenApiParameter("async", OpenApiTypes.BOOL, description="Answer at once where the answer will be."),
    *PAGES,
    OpenApiParameter("orderby", OpenApiTypes.STR, description="Attributes, with a minus before those that descend."),
    OpenApiParameter("includefield", OpenApiTypes.STR, description="Attributes to return besides, or “all”."),
]


class SpannedSearch(APIView):
    """A search by QIDO-RS's parameters in all archives of a federation."""

    required_permission = "studies.view_study"
    content_negotiation_class = JsonWhateverIsAsked
    level = QueryLevel.STUDY

    @extend_schema(
        parameters=_PARAMETERS,
        responses={200: FederatedAnswerSerializer, 202: AcceptedSerializer},
        description="Search in all archives of a federation. Besides the parameters below it takes attributes by "
        "keyword or tag, as QIDO-RS does. Searches for series and instances name one StudyInstanceUID.",
    )
    def get(self, request: Request) -> HttpResponse:
        """Search in all archives of a federation."""
        config, is_later = _federation(request), _is_later(request)
        parameters = read_parameters(request.META.get("QUERY_STRING", ""), self.level, others=OWN)
        asked_by = request.user.get_username()
        if is_later:
            return _ask_later(request, config, parameters.question, asked_by)
        try:
            found = span(config, parameters.question, door=DOOR, asked_by=asked_by)
        except SpanFailed as failed:
            raise TooFewAnswered(failed) from failed
        return answer_of(found, parameters, request._request)


def asker_of(request: Request) -> str:
    """Who alone may fetch an answer: names of keys are given twice."""
    key = getattr(request.user, "api_key", None)
    return f"key {key.pk}" if key is not None else f"user {request.user.pk}"


def _ask_later(request: Request, config: SpanningConfig, question: Any, asked_by: str) -> Response:
    try:
        query = ask_later(config, question, door=DOOR, asked_by=asked_by, asker=asker_of(request))
    except TooManyQueries as error:
        raise Busy from error
    status_url = reverse("api-span-query-status", args=[query.pk], request=request)
    results_url = reverse("api-span-query-results", args=[query.pk], request=request)
    content = {"query_id": query.pk, "status_url": status_url, "results_url": results_url}
    return Response(content, status=202, headers={"Location": status_url})


def _federation(request: Request) -> SpanningConfig:
    number = _single(request, "spanner_config_id")
    name = _single(request, "spanner_config")
    if number is None and name is None:
        raise ValidationError({"spanner_config_id": ["Say which federation is asked, by this number or its name."]})
    if number is not None and name is not None:
        raise ValidationError({"spanner_config": ["Give the number or the name, not both."]})
    if number is not None and not (number.isascii() and number.isdecimal() and len(number) <= _LONGEST):
        raise ValidationError({"spanner_config_id": ["Give a whole number."]})
    try:
        return find_span(name, pk=int(number) if number is not None else None)
    except SpanIsOff as error:
        raise IsOff from error
    except NoSuchSpan as error:
        raise NotFound("There is no such federation.") from error


def _is_later(request: Request) -> bool:
    value = _single(request, "async") or "false"
    if value not in {"true", "false"}:
        raise ValidationError({"async": ["Give true or false."]})
    return value == "true"


def _single(request: Request, name: str) -> str | None:
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise ValidationError({name: ["It is given more than once."]})
    return values[0] if values else None
