"""API: questions whose answer is fetched later."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from spanner.api.answer import json_answer, results_json
from spanner.api.forms import PAGES, WAITING, QueryStatusSerializer, ResultsSoFarSerializer
from spanner.api.problems import Expired
from spanner.api.search import asker_of
from spanner.errors import NoSuchQuery, QueryExpired, SpanFailed
from spanner.later import Progress, find_query, found_so_far, progress_of
from spanner.models import Query
from spanner.problems import TooFewAnswered
from spanner.search import missing_in_words
from spanner.sweep import KEPT_HOURS
from spanner.told import source_json
from studies.api.views import JsonWhateverIsAsked
from studies.dicomweb.search_terms import MAXIMUM_RESULTS, read_terms


class QueryStatus(APIView):
    """How far a question is."""

    required_permission = "studies.view_study"
    content_negotiation_class = JsonWhateverIsAsked

    @extend_schema(responses=QueryStatusSerializer)
    def get(self, request: Request, query_id: str) -> Response:
        """Which sources have answered; one that was not heard of by the deadline is a timeout."""
        progress = progress_of(_query(request, query_id))
        progress.query.refresh_from_db(fields=["finished_at"])
        return Response(_status(progress, request))


class QueryResults(APIView):
    """What was found until now."""

    required_permission = "studies.view_study"
    content_negotiation_class = JsonWhateverIsAsked

    @extend_schema(
        parameters=PAGES,
        responses=ResultsSoFarSerializer,
    )
    def get(self, request: Request, query_id: str) -> HttpResponse:
        """The results of the sources that have answered; complete only when all of them have."""
        query = _query(request, query_id)
        terms = read_terms(request.META.get("QUERY_STRING", ""), limit=MAXIMUM_RESULTS)
        for name in (*terms.values, *(["includefield"] * bool(terms.fields)), *(["orderby"] * bool(terms.order))):
            raise ValidationError({name: ["There is no such parameter."]})
        try:
            found, progress = found_so_far(query)
        except SpanFailed as failed:
            raise TooFewAnswered(failed) from failed
        waiting = [row.source.name for row in progress.rows if not row.state]
        page = found.merged[terms.offset : terms.offset + min(terms.limit, MAXIMUM_RESULTS)]
        content = results_json(found, page, len(found.merged))
        content |= {"is_complete": progress.is_complete, "is_finished": progress.is_finished, "waiting": waiting}
        missing = ", ".join(filter(None, [missing_in_words(found.answers), *(f"{name} (waiting)" for name in waiting)]))
        sentences = [f"The answer is not complete: {missing}"] if missing else []
        return json_answer(content, sentences, request._request)


def _query(request: Request, query_id: str) -> Query:
    user: Any = request.user
    try:
        return find_query(
            query_id,
            asker=asker_of(request),
            asked_by=user.get_username(),
            is_administrator=user.is_administrator,
        )
    except NoSuchQuery as error:
        raise NotFound("There is no such question, or somebody else asked it.") from error
    except QueryExpired as error:
        raise Expired from error


def _status(progress: Progress, request: Request) -> dict[str, Any]:
    query = progress.query
    return {
        "query_id": query.pk,
        "is_finished": progress.is_finished,
        "is_complete": progress.is_complete,
        "percent": progress.percent,
        "asked_at": query.asked_at,
        "finished_at": query.finished_at,
        "expires_at": query.asked_at + timedelta(hours=KEPT_HOURS),
        "sources": [
            source_json(row.source.name, row.state or WAITING, row.count, row.milliseconds, row.error, row.age_seconds)
            for row in progress.rows
        ],
        "results_url": reverse("api-span-query-results", args=[query.pk], request=request),
    }
