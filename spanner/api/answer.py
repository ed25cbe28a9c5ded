"""A federated answer as JSON: the matches, who gave them, and who is missing (CONTRACT of the API)."""

import json
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from spanner.merge import Merged, in_order
from spanner.qido_parameters import Parameters
from spanner.search import Found, missing_in_words
from spanner.told import sources_json, warning_header


def answer_of(found: Found, parameters: Parameters, request: HttpRequest) -> HttpResponse:
    """The page of an answer that was asked for, with a Warning when something is missing."""
    ordered = in_order(found.merged, parameters.order)
    page = ordered[parameters.offset : parameters.offset + parameters.limit]
    sentences = list(parameters.warnings)
    if left := max(0, len(ordered) - parameters.offset - len(page)):
        sentences.append(f"There are {left} additional results that can be requested")
    if missing := missing_in_words(found.answers):
        sentences.append(f"The answer is not complete: {missing}")
    return json_answer(results_json(found, page, len(ordered)), sentences, request)


def results_json(found: Found, page: Sequence[Merged], total: int) -> dict[str, Any]:
    """The form of every federated answer."""
    return {
        "results": [one.row for one in page],
        "sources": sources_json(found.answers),
        "is_complete": found.is_complete,
        "total": total,
        "provenance": [
            {"sources": one.sources, "is_conflicting": one.is_conflicting, "differing": sorted(one.differing)}
            for one in page
        ],
    }


def json_answer(content: dict[str, Any], sentences: Sequence[str], request: HttpRequest) -> HttpResponse:
    """An answer of patient data: no cache keeps it."""
    response = HttpResponse(json.dumps(content, separators=(",", ":")), content_type="application/json")
    response["Cache-Control"] = "no-store"
    if sentences:
        service = request.build_absolute_uri(request.path)
        response["Warning"] = warning_header(service, sentences)
    return response
