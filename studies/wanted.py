"""Ask for what is on a slower tier to be brought back; said once, however much of it is read."""

from studies.events import series_wanted
from studies.lately import Lately
from studies.models import Series

asked = Lately(seconds=20)


def want(series_pk: int, *, by: str) -> None:
    """Have a series brought back.

    Args:
        series_pk: of the series.
        by: who reads, for the record of it.
    """
    if asked.is_new(series_pk):
        series_wanted.send(Series, series_pks=[series_pk], asked_by=by)
