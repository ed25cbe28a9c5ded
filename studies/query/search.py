"""A question put to the database: pages of plain rows, found as they are asked for (PS3.4 C.4.1.3.1).

Each page is a statement of its own that goes on where the last one ended. A cursor that stays open while a slow peer
takes its answers would keep SQLite from emptying its log and PostgreSQL from clearing away old rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet

from studies.models import Instance, Series, Study
from studies.query.conditions import column_of, conditions
from studies.query.keys import Key, Kind, QueryLevel
from studies.query.question import Question

Row = tuple[Any, ...]
FIRST_PAGE, PAGE = 100, 1_000  # the first answer is not to wait for many
_BY_PATIENT = ("patient_id", "issuer_of_patient_id", "pk")
_STUDY_PK = {QueryLevel.SERIES: "study_id", QueryLevel.IMAGE: "series__study_id"}
_NO_COLUMN = {Kind.RETRIEVE_AE_TITLE, Kind.SOP_CLASSES}


class Search:
    """What a question finds.

    Attributes:
        asked: the question.
        places: where in a row a key's value is; those that are the same for every row are not in it.
    """

    def __init__(self, asked: Question) -> None:
        """Prepare it; the database is not asked yet.

        Raises:
            InvalidQuery: the database cannot be asked that.
        """
        self.asked = asked
        self.places: dict[Key, int] = {}
        found = conditions(asked)
        self._columns: dict[str, int] = {}
        self._pk = self._place("pk")
        for key in asked.asked:
            if key.kind not in _NO_COLUMN and key.field:
                self.places[key] = self._place(column_of(asked.level, key))
        self._checks = [(self._place(check.column), check.matches) for check in found.checks]
        self._sums = [key for key in asked.asked if key.kind is Kind.SUM]
        self._sop_classes = [key for key in asked.asked if key.kind is Kind.SOP_CLASSES]
        self._order: Sequence[str] = ("pk",)
        if asked.level is QueryLevel.PATIENT:
            # Without its unique key a patient is no entity of the model (PS3.4 C.2.2.1.1).
            found.where.add(~Q(patient_id=""), Q.AND)
            self._order = _BY_PATIENT
        if self._sop_classes:
            self._study = self._place(_STUDY_PK.get(asked.level, "pk"))
        self._ordered = [self._place(column) for column in self._order]
        added = [*self._sums, *self._sop_classes]
        self.places |= {key: len(self._columns) + at for at, key in enumerate(added)}
        self.matches = _base(asked.level).filter(found.where)

    @property
    def is_exact(self) -> bool:
        """The database alone decides what matches."""
        return not self._checks

    def pages(self) -> Iterator[list[Row]]:
        """All that is found, in pages of some hundred rows, none of which is empty."""
        pages = self._keyset_pages()
        if self.asked.level is QueryLevel.PATIENT:
            return self._patients(pages)
        return (self._completed(rows) for rows in map(self._checked, pages) if rows)

    def window(self, order: Sequence[str], offset: int, limit: int) -> tuple[list[Row], int | None]:
        """A part of what is found, in an order.

        Args:
            order: columns, with a minus before those that descend; the last one is unique.
            offset: so many are passed over.
            limit: at most so many are returned, 1 or more.

        Returns:
            The rows, and how many there are in all; None when they are not counted.
        """
        ordered = self.matches.order_by(*order)
        if self.is_exact:
            rows = list(ordered.values_list(*self._columns)[offset : offset + limit])
            is_whole = len(rows) < limit and (rows or not offset)
            return self._completed(rows), offset + len(rows) if is_whole else None
        rows, total = [], 0
        for row in ordered.values_list(*self._columns).iterator(PAGE):
            if self._is_match(row):
                if offset <= total < offset + limit:
                    rows.append(row)
                total += 1
        return self._completed(rows), total

    def count(self) -> int:
        """How many there are, for a question that is exact."""
        return self.matches.count()

    def _place(self, column: str) -> int:
        return self._columns.setdefault(column, len(self._columns))

    def _keyset_pages(self) -> Iterator[list[Row]]:
        ordered = self.matches.order_by(*self._order)
        size, after = FIRST_PAGE, Q()
        while True:
            rows: list[Row] = list(ordered.filter(after).values_list(*self._columns)[:size])
            if rows:
                yield rows
            if len(rows) < size:
                return
            size, after = PAGE, self._after(rows[-1])

    def _after(self, row: Row) -> Q:
        """What comes after this row in the order."""
        values = [row[place] for place in self._ordered]
        after = Q()
        for at, column in enumerate(self._order):
            same = Q(**dict(zip(self._order[:at], values, strict=False)))
            after |= same & Q(**{f"{column}__gt": values[at]})
        # Said again in one term, which an index can be searched by.
        return after & Q(**{f"{self._order[0]}__gte": values[0]})

    def _is_match(self, row: Row) -> bool:
        return all(matches(row[place]) for place, matches in self._checks)

    def _checked(self, rows: list[Row]) -> list[Row]:
        return [row for row in rows if self._is_match(row)] if self._checks else rows

    def _patients(self, pages: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """One row for all studies of a patient, which stand beside each other."""
        studies = (row for rows in pages for row in self._checked(rows))
        of_patient = self._ordered[:2]
        found: list[Row] = []
        for _, group in groupby(studies, key=lambda row: [row[place] for place in of_patient]):
            found.append(self._patient(group))
            if len(found) == FIRST_PAGE:
                yield found
                found = []
        if found:
            yield found

    def _patient(self, studies: Iterator[Row]) -> Row:
        first = next(studies)
        places = [self._columns.get(key.field) for key in self._sums]
        sums = [1 if place is None else first[place] for place in places]
        for study in studies:
            sums = [total + (1 if place is None else study[place]) for total, place in zip(sums, places, strict=True)]
        return (*first, *sums)

    def _completed(self, rows: list[Row]) -> list[Row]:
        """With what is collected from the instances, a statement for the whole page."""
        if not self._sop_classes:
            return rows
        studies = {row[self._study] for row in rows}
        classes: dict[int, list[str]] = defaultdict(list)
        instances = Instance.objects.order_by("sop_class_uid").filter(is_primary=True, series__study__in=studies)
        for study, uid in instances.values_list("series__study_id", "sop_class_uid").distinct():
            classes[study].append(uid)
        return [(*row, "\\".join(classes[row[self._study]])) for row in rows]


def _base(level: QueryLevel) -> QuerySet[Any]:
    if level is QueryLevel.IMAGE:
        return Instance.objects.order_by().filter(is_primary=True)
    return Series.objects.order_by() if level is QueryLevel.SERIES else Study.objects.order_by()
