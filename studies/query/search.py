"""A question put to the database: pages of plain rows, found as they are asked for (PS3.4 C.4.1.3.1).

Each page is a statement of its own that goes on where the last one ended. A cursor that stays open while a slow peer
takes its answers would keep SQLite from emptying its log and PostgreSQL from clearing away old rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from django.db import connection

from studies.query.conditions import Condition, column_of, conditions, joined
from studies.query.keys import Key, Kind, QueryLevel
from studies.query.question import Question
from studies.query.totals import total_of
from studies.sight import current_sight

Row = tuple[Any, ...]
_SOP_CLASSES = (
    "SELECT DISTINCT e.study_id, i.sop_class_uid FROM studies_series e "
    "JOIN studies_instance i ON i.series_id = e.id WHERE i.is_primary"
)
FIRST_PAGE, PAGE = 100, 1_000  # the first answer is not to wait for many
_STUDY = "studies_study s"
_SERIES = "studies_series e JOIN studies_study s ON s.id = e.study_id"
_IMAGE = "studies_instance i JOIN studies_series e ON e.id = i.series_id JOIN studies_study s ON s.id = e.study_id"
_SOURCES = {
    QueryLevel.PATIENT: _STUDY,
    QueryLevel.STUDY: _STUDY,
    QueryLevel.SERIES: _SERIES,
    QueryLevel.IMAGE: _IMAGE,
}
_PRIMARY_KEYS = {
    QueryLevel.PATIENT: "s.id",
    QueryLevel.STUDY: "s.id",
    QueryLevel.SERIES: "e.id",
    QueryLevel.IMAGE: "i.id",
}
_BY_PATIENT = ("s.patient_id", "s.issuer_of_patient_id", "s.id")
_NO_COLUMN = {Kind.RETRIEVE_AE_TITLE, Kind.SOP_CLASSES}


def _number(sql: str, params: tuple[Any, ...]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.fetchone()[0])


class Search:
    """What a question finds.

    Attributes:
        asked: the question.
        places: where in a row a key's value is; those that are the same for every row are not in it.
        primary_key: the column that tells rows from each other.
    """

    def __init__(self, asked: Question) -> None:
        """Prepare it; the database is not asked yet.

        Raises:
            InvalidQuery: the database cannot be asked that.
        """
        self.asked = asked
        self.places: dict[Key, int] = {}
        self.primary_key = _PRIMARY_KEYS[asked.level]
        self._where, checks = conditions(asked, connection.vendor)
        self._columns: dict[str, int] = {}
        for key in asked.asked:
            if key.kind not in _NO_COLUMN and key.field:
                self.places[key] = self._place(_column(key))
        self._checks = [(self._place(check.column), check.matches) for check in checks]
        self._sums = [key for key in asked.asked if key.kind is Kind.SUM]
        self._sop_classes = [key for key in asked.asked if key.kind is Kind.SOP_CLASSES]
        self._order: Sequence[str] = (self.primary_key,)
        if asked.level is QueryLevel.PATIENT:
            # Without its unique key a patient is no entity of the model (PS3.4 C.2.2.1.1).
            self._where.append(Condition("s.patient_id <> ''"))
            self._order = _BY_PATIENT
        elif asked.level is QueryLevel.IMAGE:
            self._where.append(Condition("i.is_primary"))
        if (sight := current_sight()) is not None:
            self._where.append(Condition(*sight.sql("s")))
        if self._sop_classes:
            self._study = self._place("s.id")
        self._ordered = [self._place(column) for column in self._order]
        added = [*self._sums, *self._sop_classes]
        self.places |= {key: len(self._columns) + at for at, key in enumerate(added)}
        self._select = f"SELECT {', '.join(self._columns)} FROM {_SOURCES[asked.level]}"  # noqa: S608 (names of ours)

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
            order: columns, with DESC after those that descend; the last one is unique.
            offset: so many are passed over.
            limit: at most so many are returned, 1 or more.

        Returns:
            The rows, and how many there are in all; None when they were not counted.
        """
        ordered = f" ORDER BY {', '.join(order)}"
        if self.is_exact:
            rows = self._rows([], f"{ordered} LIMIT %s OFFSET %s", (limit, offset))
            is_whole = len(rows) < limit and bool(rows or not offset)
            return self._completed(rows), offset + len(rows) if is_whole else None
        found, total = [], 0
        for row in self._stream(ordered):
            if self._is_match(row):
                if offset <= total < offset + limit:
                    found.append(row)
                total += 1
        return self._completed(found), total

    def count(self) -> int:
        """How many there are, for a question that is exact; where they are many, as of the last two seconds."""
        where, params = self._conditions([])
        sql = f"SELECT COUNT(*) FROM {_SOURCES[self.asked.level]}{where}"  # noqa: S608 (names of ours)
        return total_of(sql, params, lambda: _number(sql, params))

    def _place(self, column: str) -> int:
        return self._columns.setdefault(column, len(self._columns))

    def _rows(self, further: list[Condition], rest: str, params: tuple[Any, ...] = ()) -> list[Row]:
        where, wanted = self._conditions(further)
        with connection.cursor() as cursor:
            cursor.execute(f"{self._select}{where}{rest}", [*wanted, *params])
            rows: list[Row] = cursor.fetchall()
        return rows

    def _stream(self, rest: str) -> Iterator[Row]:
        """All rows, of which only some hundred are in memory at a time."""
        where, params = self._conditions([])
        with connection.chunked_cursor() as cursor:
            cursor.execute(f"{self._select}{where}{rest}", params)
            while rows := cursor.fetchmany(PAGE):
                yield from rows

    def _conditions(self, further: list[Condition]) -> tuple[str, tuple[Any, ...]]:
        parts = [*self._where, *further]
        if not parts:
            return "", ()
        whole = joined(parts, "AND")
        return f" WHERE {whole.sql}", whole.params

    def _keyset_pages(self) -> Iterator[list[Row]]:
        order = f" ORDER BY {', '.join(self._order)} LIMIT %s"
        size = FIRST_PAGE
        further: list[Condition] = []
        while True:
            rows = self._rows(further, order, (size,))
            if rows:
                yield rows
            if len(rows) < size:
                return
            size, further = PAGE, [self._after(rows[-1])]

    def _after(self, row: Row) -> Condition:
        """What comes after this row in the order: a comparison of row values, which both databases have."""
        values = tuple(row[place] for place in self._ordered)
        return Condition(f"({', '.join(self._order)}) > ({', '.join(['%s'] * len(values))})", values)

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
        places = [self._columns[_column(key)] if key.field else None for key in self._sums]
        sums = [1 if place is None else first[place] for place in places]
        for study in studies:
            sums = [total + (1 if place is None else study[place]) for total, place in zip(sums, places, strict=True)]
        return (*first, *sums)

    def _completed(self, rows: list[Row]) -> list[Row]:
        """With what is collected from the instances, by one statement for the whole page."""
        if not self._sop_classes or not rows:
            return rows
        studies = sorted({row[self._study] for row in rows})
        among = ",".join(["%s"] * len(studies))
        sql = f"{_SOP_CLASSES} AND e.study_id IN ({among}) ORDER BY 1, 2"
        classes: dict[int, list[str]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(sql, studies)
            for study, uid in cursor.fetchall():
                classes[study].append(uid)
        return [(*row, "\\".join(classes[row[self._study]])) for row in rows]


def _column(key: Key) -> str:
    return f"s.{key.field}" if key.kind is Kind.SUM else column_of(key)
