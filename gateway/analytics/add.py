"""Writes amounts: each is added to what its row has, or raises it, in few statements."""

from collections.abc import Mapping

from django.db import connection

from gateway.analytics.tally import Amount, Cell

ROWS = 400  # in a statement: its parameters stay far below what SQLite takes


def add(amounts: Mapping[Cell, Amount]) -> None:
    """Add, within the caller's transaction."""
    _write(amounts, "count = t.count + excluded.count, size_bytes = t.size_bytes + excluded.size_bytes")


def raise_to(amounts: Mapping[Cell, Amount]) -> None:
    """Keep the greater count, of what is a height and no sum."""
    _write(amounts, "count = CASE WHEN excluded.count > t.count THEN excluded.count ELSE t.count END")


def _write(amounts: Mapping[Cell, Amount], change: str) -> None:
    """In one order, so that two never wait for each other."""
    ordered = sorted(amounts.items())
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        for start in range(0, len(ordered), ROWS):
            rows = [
                (cell.unit.value, adapt(cell.begins_at), cell.what.value, cell.key, *amount)
                for cell, amount in ordered[start : start + ROWS]
            ]
            marks = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(rows))
            cursor.execute(
                "INSERT INTO analytics_tally AS t (unit, begins_at, what, key, count, size_bytes)"  # noqa: S608 (ours)
                f" VALUES {marks} ON CONFLICT (unit, begins_at, what, key) DO UPDATE SET {change}",
                [value for row in rows for value in row],
            )
