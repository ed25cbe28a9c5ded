"""Numbered pages of lists that grow: neither the count nor a page far behind costs what the table has."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from studies.query.totals import total_of


class LargePages(Paginator):  # type: ignore[type-arg]  # no subscript at run time
    """Pages of a query set; a count of ten thousand or more is up to two seconds old."""

    @cached_property
    def count(self) -> int:
        """How many there are."""
        rows = self.object_list
        return counted(rows.order_by()) if isinstance(rows, QuerySet) else len(rows)

    def page(self, number: int | str) -> "Page[Any]":
        """One page.

        The keys are found first, for which an index in the list's order is enough: rows that are passed over, or do not
        match, are never read. A first page that is not full is counted by looking at it.

        Raises:
            InvalidPage: there is no such page.
        """
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return super().page(number)
        if number in {1, "1"}:
            return self._page(rows, 1, list(rows.values_list("pk", flat=True)[: self.per_page + 1]))
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        return self._page(rows, number, list(rows.values_list("pk", flat=True)[start : start + self.per_page]))

    def _page(self, rows: QuerySet[Any], number: int, pks: Sequence[Any]) -> "Page[Any]":
        if number == 1 and len(pks) <= self.per_page:
            self.__dict__["count"] = len(pks)
        shown = pks[: self.per_page]
        return Page(rows.filter(pk__in=shown) if shown else rows.none(), number, self)


def counted(rows: QuerySet[Any]) -> int:
    """How many rows; a large number is remembered for two seconds."""
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return 0
    return total_of(sql, tuple(params), rows.count)
