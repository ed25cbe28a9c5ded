"""Ask an archive by QIDO-RS (PS3.18 10.6)."""

import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlencode

from pydicom.datadict import keyword_for_tag

from dicomnet.web.http import Answer, Caller, HttpError
from dicomnet.web.sign_in import open_caller
from spanner.answers import NAME_GROUPS, Row, tag_name
from spanner.errors import SourceFailed, SourceSlow
from spanner.models import Source
from spanner.question import PATIENT_ID, SERIES_UID, STUDY_UID, UNIQUE_TAGS, Question
from spanner.slices import Batch
from studies.query.keys import QueryLevel
from studies.query.received import VRS

MAXIMUM_BYTES = 64 << 20  # of one page
MAXIMUM_DEPTH = 16  # of sequences in sequences
LARGEST_NUMBER = 1e300
PAGE = 1_000
_ACCEPT = {"Accept": "application/dicom+json"}
_MORE = "additional results"  # PS3.18 10.6.3.1.2, in the words that the standard has for it

_TAG = re.compile("(?!000[02])[0-9A-Fa-f]{8}")  # not of command sets and file meta information

_idle: dict[tuple[object, ...], list[Caller]] = defaultdict(list)
_lock = threading.Lock()


def ask(source: Source, question: Question, seconds: float) -> Batch:
    """Put one question to it, page by page.

    Args:
        source: of the kind DICOMWEB.
        question: as the source is to be asked it; not at the level PATIENT, which DICOMweb has none of.
        seconds: for the whole answer; looked at between two pages.

    Raises:
        SourceFailed: it did not answer whole.
    """
    if question.level is QueryLevel.PATIENT:
        raise SourceFailed("DICOMweb has no query for patients", is_alive=True)
    rows: list[Row] = []
    limit = min(PAGE, source.result_limit)
    deadline = time.monotonic() + seconds
    try:
        with _lent(source) as caller:
            while True:
                page, has_more = _page(caller, question, limit, len(rows))
                if page and page == rows[-len(page) :]:
                    raise SourceFailed("it gives the same page again and again: it does not know offset", is_alive=True)
                rows += page
                if not page or not has_more or len(rows) >= source.result_limit:
                    break
                if time.monotonic() > deadline:
                    raise SourceSlow("it did not answer all in time")
    except SourceFailed as error:
        raise type(error)(str(error), rows, is_alive=error.is_alive) from error
    except HttpError as error:
        kind = SourceSlow if "in time" in str(error) else SourceFailed
        raise kind(str(error), rows) from error
    is_over = len(rows) > source.result_limit or (has_more and len(rows) >= source.result_limit)
    return Batch(rows[: source.result_limit], is_over or 0 < source.cuts_at <= len(rows))


def probe(source: Source) -> None:
    """Search for one study, which needs what every question needs.

    Raises:
        SourceFailed: it does not answer, or not so.
    """
    try:
        with _lent(source) as caller:
            _page(caller, Question(QueryLevel.STUDY), 1, 0)
    except HttpError as error:
        raise SourceFailed(str(error)) from error


def close_idle() -> None:
    """Close the connections that wait for the next question."""
    with _lock:
        callers = [caller for waiting in _idle.values() for caller in waiting]
        _idle.clear()
    for caller in callers:
        caller.close()


def caller_of(source: Source, least_seconds: float = 0) -> Caller:
    """A caller of its service, signed in as it says.

    Args:
        least_seconds: to wait in each step, when the source's own timeout is shorter.

    Raises:
        HttpError: its address, its secret or the TLS files cannot be used.
    """
    return open_caller(
        source.name,
        source.url,
        authentication=source.authentication,
        username=source.username,
        sealed_secret=source.secret,
        timeout_seconds=max(least_seconds, source.timeout_seconds),
    )


@contextmanager
def _lent(source: Source) -> Iterator[Caller]:
    """A caller with an open connection where there is one; kept for the next question when it did not fail."""
    key = (source.pk, source.updated_at)
    with _lock:
        waiting = _idle[key]
        caller = waiting.pop() if waiting else None
    caller = caller or caller_of(source)
    with ExitStack() as failed:
        failed.callback(caller.close)
        yield caller
        failed.pop_all()
    with _lock:
        for old in [other for other in _idle if other[0] == source.pk and other[1] != source.updated_at]:
            del _idle[old]
        _idle[key].append(caller)


def _page(caller: Caller, question: Question, limit: int, offset: int) -> tuple[list[Row], bool]:
    """One page, and whether there may be another."""
    answer = caller.request(
        "GET", _target(caller.url.path, question, limit, offset), headers=_ACCEPT, limit=MAXIMUM_BYTES
    )
    if answer.status == 204:
        return [], False
    if answer.status == 413:
        raise SourceFailed("it has too many matches to list (HTTP 413): ask for fewer", is_alive=True)
    if answer.status != 200:
        raise SourceFailed(refusal_in_words(answer), is_alive=answer.status < 500)
    if not answer.is_whole:
        raise SourceFailed(f"its answer is longer than {MAXIMUM_BYTES >> 20} MiB", is_alive=True)
    rows = _rows(answer.body)
    return rows, len(rows) >= limit or _MORE in answer.headers.get("warning", "")


def _target(root: str, question: Question, limit: int, offset: int) -> str:
    uids, path = dict(question.wanted), f"{root}/studies"
    if question.level is not QueryLevel.STUDY:
        path += f"/{uids.pop(STUDY_UID)}/series" if question.level is QueryLevel.SERIES else f"/{uids.pop(STUDY_UID)}"
    if question.level is QueryLevel.IMAGE:
        series = uids.pop(SERIES_UID, "")
        path += f"/series/{series}/instances" if series and "\\" not in series else "/instances"
        uids |= {SERIES_UID: series} if "\\" in series else {}
    parameters = [(_name(tag), value.replace("\\", ",")) for tag, value in uids.items()]
    fields = [_name(tag) for tag in question.asked if tag not in UNIQUE_TAGS.values() or tag == PATIENT_ID]
    parameters += [("includefield", name) for name in fields]
    parameters += [("limit", str(limit)), *([("offset", str(offset))] if offset else [])]
    return f"{path}?{urlencode(parameters)}"


def _name(tag: int) -> str:
    return keyword_for_tag(tag) or tag_name(tag)


def refusal_in_words(answer: Answer) -> str:
    """Why an answer holds nothing, and what to do about it."""
    if answer.status in {301, 302, 303, 307, 308}:
        return "it redirects to another address, which Gantry does not follow: enter the address itself"
    if answer.status == 401:
        return "it does not let Gantry in (HTTP 401): check user name, password or token"
    if answer.status == 403:
        return "it does not allow Gantry to ask (HTTP 403)"
    if answer.status == 404:
        return "it has nothing at this address (HTTP 404): check the URL of its root"
    return f"it answered with HTTP {answer.status}"


def _rows(body: bytes) -> list[Row]:
    """The matches of an answer.

    Raises:
        SourceFailed: it is not DICOM JSON.
    """
    try:
        found = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise SourceFailed("its answer is not JSON", is_alive=True) from error
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise SourceFailed("its answer is not a list of DICOM objects", is_alive=True)
    return [_checked(row, 0) for row in found]


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _checked(row: dict[str, Any], depth: int) -> dict[str, dict[str, Any]]:
    """Only what is an attribute in the form of PS3.18 F.2."""
    if depth > MAXIMUM_DEPTH:
        raise SourceFailed("its answer has too many sequences in each other", is_alive=True)
    found: dict[str, dict[str, Any]] = {}
    for name, element in row.items():
        vr = element.get("vr") if isinstance(element, dict) else None
        if not _TAG.fullmatch(name) or not isinstance(vr, str) or vr not in VRS:
            continue
        values = element.get("Value")
        if not isinstance(values, list):
            found[name.upper()] = {"vr": vr}
        elif vr == "SQ":
            items = [_checked(item, depth + 1) for item in values if isinstance(item, dict)]
            found[name.upper()] = {"vr": vr, "Value": items}
        else:
            kept = [_value(vr, value) for value in values]
            found[name.upper()] = {"vr": vr, "Value": kept} if any(one is not None for one in kept) else {"vr": vr}
    return found


def _value(vr: str, value: Any) -> Any:
    """A value in the form of PS3.18 F.2.2; None for what is none."""
    if vr == "PN":
        groups = value.items() if isinstance(value, dict) else ()
        return {kind: _text(text) for kind, text in groups if kind in NAME_GROUPS and isinstance(text, str)} or None
    if isinstance(value, int | float):
        return value if abs(value) < LARGEST_NUMBER else None  # 1e999 is infinity, which no JSON can say again
    return (_text(value) or None) if isinstance(value, str) else None


def _text(text: str) -> str:
    """Without what pads it in a file, which some archives leave there: no UID would be the one that was asked for.

    Half a surrogate pair, which JSON can write and nobody can encode, is marked.
    """
    text = text.rstrip("\0 ")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
