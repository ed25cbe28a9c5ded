"""Have a study here: it is, or it is asked for, and who wants to read it waits for a while."""

import time

from spanner.errors import FetchRefused
from spanner.fetch.ask import READER, fetch_study
from spanner.models import Fetch, FetchState, SpanningConfig
from spanner.models.fetches import OPEN
from studies.models import Study

LOOK_EVERY_SECONDS = 0.2


def why_not_here(config: SpanningConfig, study_uid: str, *, by: str, wait_seconds: float) -> str:
    """Why a study is not all here after so long, in words; empty when it is. It goes on being brought when it is not.

    What is stored here already is taken for all of it: to ask every time would make each reading wait for all sources.

    Args:
        config: the federation whose sources may be asked.
        study_uid: Study Instance UID.
        by: who wants to read it.
        wait_seconds: 0: do not wait.
    """
    is_under_way = Fetch.objects.filter(study_instance_uid=study_uid, state__in=OPEN).exists()
    if not is_under_way and Study.objects.filter(study_instance_uid=study_uid).exists():
        return ""
    try:
        fetch = fetch_study(config, study_uid, by=by, priority=READER)
    except FetchRefused as error:
        return str(error)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fetch.refresh_from_db()
        except Fetch.DoesNotExist:
            return "Nobody brings it any more: its federation was removed."
        if fetch.state == FetchState.DONE:
            return ""
        if not fetch.is_open:
            return fetch.last_error or "Somebody cancelled it."
        if time.monotonic() >= deadline:
            came = f"{fetch.instances_arrived} of {fetch.instances_expected} instances are here"
            return f"It is still being brought: {came}. {fetch.last_error}".strip()
        time.sleep(LOOK_EVERY_SECONDS)
