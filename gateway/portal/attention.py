"""How much asks for attention in each section: counted in one query, because every page shows it."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from routing.ai.board import quarantined
from routing.selectors import failed_deliveries
from spanner.selectors import silent_sources
from studies.commitments.selectors import unreported
from studies.selectors import open_conflicts, open_identity_clashes
from studies.sight import Sight, current_sight
from tiering.selectors import failed_moves, open_damage

Wanted = Callable[[], QuerySet[Any]]

WANTED: dict[str, tuple[Wanted, ...]] = {
    "delivery-list": (failed_deliveries,),
    "conflict-list": (open_conflicts, open_identity_clashes),
    "commitment-list": (unreported,),
    "ai-board": (quarantined,),
    "tier-list": (failed_moves, open_damage),
    "span-search": (silent_sources,),
}


class Attention:
    """The counts of some sections; asks the database when the first of them is wanted, and once.

    Args:
        url_names: the sections, as ``WANTED`` names them.
    """

    def __init__(self, url_names: tuple[str, ...]) -> None:
        self._url_names = url_names
        self._found: dict[str, int] | None = None

    def of(self, url_name: str) -> int:
        """How much there is in one section."""
        if self._found is None:
            self._found = _counted(self._url_names)
        return self._found[url_name]


def _counted(url_names: tuple[str, ...]) -> dict[str, int]:
    if not url_names:
        return {}
    sql, parameters = _question(url_names, connection.vendor, current_sight())
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return dict(zip(url_names, cursor.fetchone(), strict=True))


@lru_cache(maxsize=256)  # to put the question into words takes longer than to ask it
def _question(url_names: tuple[str, ...], _vendor: str, _sight: Sight | None) -> tuple[str, tuple[Any, ...]]:
    """A column for each section, with its parameters; the query sets are narrowed to what is seen now."""
    columns: list[str] = []
    parameters: list[Any] = []
    for url_name in url_names:
        sums = []
        for wanted in WANTED[url_name]:
            try:
                sql, given = wanted().order_by().values("pk").query.sql_with_params()
            except EmptyResultSet:  # nothing of it is seen
                continue
            sums.append(f"(SELECT COUNT(*) FROM ({sql}) AS wanted)")  # noqa: S608 (made by the ORM)
            parameters.extend(given)
        columns.append(" + ".join(sums) or "0")
    return f"SELECT {', '.join(columns)}", tuple(parameters)
