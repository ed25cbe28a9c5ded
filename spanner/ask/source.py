"""Ask one source, whatever its kind, and tell the truth about its answer: the one function behind every executor."""

import logging
import time
from collections.abc import Callable, Mapping

from django.utils import timezone

from spanner.answers import USABLE, Answer, Row, State, text_of
from spanner.ask import dicomweb, dimse, local
from spanner.crosswalk import Crosswalk, is_wanted
from spanner.errors import SourceFailed, SourceSlow
from spanner.models import Source, SourceKind
from spanner.question import UNIQUE_TAGS, Question, matcher_of
from spanner.slices import Batch, ask_in_slices

logger = logging.getLogger(__name__)
_WAYS: Mapping[str, Callable[[Source, Question, float], Batch]] = {
    SourceKind.DIMSE: dimse.ask,
    SourceKind.DICOMWEB: dicomweb.ask,
    SourceKind.LOCAL: local.ask,
}
_UNIQUE = tuple(UNIQUE_TAGS.values())


def ask_source(source: Source, question: Question, seconds: float) -> Answer:
    """Put a question to a source; whatever it does comes back as an answer.

    Args:
        source: as it was loaded; nothing of it is read from the database here.
        question: as the federation has it.
        seconds: for the whole answer.
    """
    began = time.monotonic()
    rules = Crosswalk(source.patient_id_prefix, source.issuer_of_patient_id)
    asked = rules.outwards(question)
    if asked is None:
        return Answer(source.name, State.OK)
    deadline = began + seconds
    state, error, is_alive = State.OK, "", True
    try:
        batch = ask_in_slices(
            lambda one: _ask_until(source, one, deadline), asked, timezone.localdate(), source.result_limit
        )
        rows: list[Row] = list(batch.rows)
        if batch.is_cut:
            state, error = State.PARTIAL, f"it has more matches than the {len(rows)} that it gave: ask for fewer"
    except SourceFailed as failure:
        rows, error, is_alive = list(failure.rows), str(failure), failure.is_alive
        state = State.PARTIAL if rows else State.TIMEOUT if isinstance(failure, SourceSlow) else State.ERROR
    kept = [rules.inwards(row) for row in rows if _is_match(row, asked)]
    found = [row for row in kept if is_wanted(row, question, asked)]
    nameless = sum(not text_of(row, UNIQUE_TAGS[question.level]) for row in rows)
    if nameless and state in USABLE:
        state, error = State.PARTIAL, f"{nameless} of its matches do not say what they are, and were left out"
    milliseconds = round((time.monotonic() - began) * 1000, 1)
    return Answer(source.name, state, found, milliseconds, error, is_alive=is_alive)


def _ask_until(source: Source, question: Question, deadline: float) -> Batch:
    left = deadline - time.monotonic()
    if left <= 0:
        raise SourceSlow("it did not answer all in time")
    return _WAYS[source.kind](source, question, left)


def _is_match(row: Row, asked: Question) -> bool:
    """It has a unique key, and its UIDs are those that were asked for: archives that ignore a key answer with more."""
    if not text_of(row, UNIQUE_TAGS[asked.level]):
        return False
    return all(
        matcher_of(tag, wanted).matches(held)
        for tag in _UNIQUE
        if (wanted := asked.value(tag)) and (held := text_of(row, tag))
    )
