"""Ask a DICOMweb destination what it has, by QIDO-RS (PS3.18 10.6)."""

import json
from collections.abc import Collection
from typing import Any

from dicomnet.scu.association import PeerError
from dicomnet.web.http import Caller, HttpError
from routing.models import Destination
from routing.proof.sent import Sent
from routing.transports.callers import caller_of

PAGE = 1000
MAXIMUM_PAGES = 1000
PAGE_BYTES = 16 << 20
SOP_INSTANCE_UID = "00080018"
OK, NO_CONTENT, NOT_FOUND = 200, 204, 404


def kept(destination: Destination, asked: Collection[Sent]) -> set[str]:
    """Which of these it has, by SOP Instance UID.

    Raises:
        PeerError: it cannot be reached, or its answer says nothing.
    """
    found: set[str] = set()
    try:
        with caller_of(destination) as caller:
            for study in sorted({sent.study_instance_uid for sent in asked}):
                found |= _of_study(caller, study)
    except HttpError as error:
        raise PeerError(str(error)) from error
    return found & {sent.sop_instance_uid for sent in asked}


def _of_study(caller: Caller, study: str) -> set[str]:
    found: set[str] = set()
    for _ in range(MAXIMUM_PAGES):
        page = _page(caller, study, offset=len(found))
        # A server that knows no paging gives the same again.
        if page <= found:
            break
        found |= page
    return found


def _page(caller: Caller, study: str, *, offset: int) -> set[str]:
    query = f"includefield={SOP_INSTANCE_UID}&limit={PAGE}&offset={offset}"
    target = f"{caller.url.path}/studies/{study}/instances?{query}"
    answer = caller.request("GET", target, headers={"Accept": "application/dicom+json"}, limit=PAGE_BYTES)
    if answer.status in {NO_CONTENT, NOT_FOUND}:
        return set()
    if answer.status != OK or not answer.is_whole:
        said = "with more than it was asked for" if answer.status == OK else f"with HTTP {answer.status}"
        raise PeerError(f"{caller.url.authority} answered the query {said}")
    try:
        return {_uid(item) for item in json.loads(answer.body)}
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise PeerError(f"{caller.url.authority} answered the query with something else than DICOM JSON") from error


def _uid(item: dict[str, Any]) -> str:
    return str(item[SOP_INSTANCE_UID]["Value"][0])
