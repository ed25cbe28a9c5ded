"""QIDO-RS over a federation: searches for studies, series and instances in all of its sources (PS3.18 10.6)."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from spanner.answers import tag_name, text_of
from spanner.dicomweb.federation import federation, root_of
from spanner.errors import SpanFailed
from spanner.merge import RETRIEVE_AE_TITLE, RETRIEVE_URL, Merged, in_order
from spanner.models import Source, SpanningConfig
from spanner.problems import TooFewAnswered
from spanner.provenance import retrieve_ae_titles
from spanner.qido_parameters import read_parameters
from spanner.question import SERIES_UID, SOP_UID, STUDY_UID, Question
from spanner.search import span as ask
from spanner.told import SOURCES, missing_sentences, sources_header, warning_header
from studies.dicomweb.accept import choose
from studies.dicomweb.qido import OFFERS
from studies.query.character_sets import UTF_8
from studies.query.keys import QueryLevel

DOOR = "dicomweb"
_CHARACTER_SET = {"00080005": {"vr": "CS", "Value": [UTF_8]}}
_STEPS = ((STUDY_UID, "studies/"), (SERIES_UID, "/series/"), (SOP_UID, "/instances/"))
_CONFLICT = "Two patients have the same UID in different archives: look at both of the matches"


def search(level: QueryLevel) -> Callable[..., HttpResponseBase]:
    """The view of all searches at one level; what stands in the address narrows them."""

    def view(request: HttpRequest, span: str, study: str = "", series: str = "") -> HttpResponseBase:
        config = federation(span)
        in_path = {tag: uid for tag, uid in ((STUDY_UID, study), (SERIES_UID, series)) if uid}
        query = request.META.get("QUERY_STRING", "")
        parameters = read_parameters(query, level, in_path=in_path, others=("accept",))
        chosen = choose(OFFERS, header=request.headers.get("Accept", ""), parameter=request.GET.get("accept", ""))
        try:
            found = ask(config, parameters.question, door=DOOR, asked_by=request.user.get_username())
        except SpanFailed as failed:
            raise TooFewAnswered(failed) from failed
        ordered = in_order(found.merged, parameters.order)
        page = ordered[parameters.offset : parameters.offset + parameters.limit]
        root = root_of(request, span)
        response = HttpResponse(status=204)
        if page:
            write = _Rows(config, parameters.question, root)
            body = json.dumps([write(one) for one in page], separators=(",", ":"))
            response = HttpResponse(body, content_type=chosen.media_type)
        sentences = [*parameters.warnings, *missing_sentences(found.answers)]
        if any(one.is_conflicting for one in page):
            sentences.append(_CONFLICT)
        if (remaining := len(ordered) - parameters.offset - len(page)) > 0:
            sentences.append(f"There are {remaining} additional results that can be requested")
        response["X-Total-Count"] = str(len(ordered))
        response[SOURCES] = sources_header(found.answers)
        response["Cache-Control"] = "no-store"
        if sentences:
            response["Warning"] = warning_header(root, sentences)
        return response

    return view


class _Rows:
    """Writes matches as objects of the DICOM JSON Model: what was asked for, as far as a source has it."""

    def __init__(self, config: SpanningConfig, question: Question, root: str) -> None:
        self._question, self._root = question, root
        self._names = [tag_name(tag) for tag in question.tags if tag != RETRIEVE_AE_TITLE]
        self._title = config.ae_title
        self._sources: Mapping[str, Source] | None = None
        if RETRIEVE_AE_TITLE in question.tags:
            self._sources = {source.name: source for source in config.sources.all()}

    def __call__(self, merged: Merged) -> dict[str, Any]:
        """The object of one match."""
        row: dict[str, Any] = {name: merged.row[name] for name in self._names if name in merged.row}
        uids = []
        for tag, step in _STEPS:
            if uid := text_of(merged.row, tag) or self._question.value(tag):
                row.setdefault(tag_name(tag), {"vr": "UI", "Value": [uid]})
                uids.append(step + quote(uid, safe=""))
        row[tag_name(RETRIEVE_URL)] = {"vr": "UR", "Value": [self._root + "".join(uids)]}
        if self._sources is not None:
            titles = retrieve_ae_titles(self._title, settings.GANTRY.ae_title, merged, self._sources)
            row[tag_name(RETRIEVE_AE_TITLE)] = {"vr": "AE", "Value": titles}
        return dict(sorted((row | _CHARACTER_SET).items()))
