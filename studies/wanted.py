"""Ask for what is on a slower tier to be brought back; said once, however much of it is read."""

from studies.events import series_wanted
from studies.lately import MAXIMUM_REMEMBERED, Lately
from studies.models import Series

SOONEST_SECONDS = 30  # most recalls from a disk are over by then
asked = Lately(seconds=20)
_told: dict[int, int] = {}


def want(series_pk: int, *, by: str) -> int:
    """Have a series brought back.

    Args:
        series_pk: of the series.
        by: who reads, for the record of it.

    Returns:
        In how many seconds to ask again: from cold storage of a service it comes in hours.
    """
    if asked.is_new(series_pk):
        answers = series_wanted.send(Series, series_pks=[series_pk], asked_by=by)
        if len(_told) >= MAXIMUM_REMEMBERED:
            _told.clear()
        _told[series_pk] = round(max((float(seconds or 0) for _, seconds in answers), default=0))
    return max(SOONEST_SECONDS, _told.get(series_pk, 0))
