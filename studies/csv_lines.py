"""Tables for spreadsheets (RFC 4180), a line at a time, in which no cell is a formula."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

# A spreadsheet calculates what begins so, blanks before it or not; some take wide signs for narrow ones. Apostrophes
# before it count as blanks, so that taking one away gives back every text as it was.
_FORMULA = re.compile(r"[\s'\ufeff\u200b]*[=+@\-＝＋＠－]|[ ']*[\t\r\n]")  # noqa: RUF001 (wide signs are meant)


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The header, then a line for each row; nothing of what came before is kept."""
    writer = csv.writer(_Echo())
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([safe_cell(value) for value in row])


def safe_cell(value: Any) -> str:
    """A value as text; what a spreadsheet would calculate stands behind an apostrophe, None is empty."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def as_it_was(cell: str) -> str:
    """The text that a cell was made of, for whoever reads a table back."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class _Echo:
    """A file that gives back what is written to it, so that lines stream."""

    def write(self, line: str) -> str:
        return line
