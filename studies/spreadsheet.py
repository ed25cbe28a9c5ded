"""Tables for spreadsheets: CSV a line at a time, in which no cell can be taken for a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The head and each row as a line of CSV."""
    writer = csv.writer(_Echo())
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([safe_cell(str(cell)) for cell in row])


def safe_cell(text: str) -> str:
    """A cell that is text to every spreadsheet."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


class _Echo:
    """A file that gives back what is written to it, so that lines stream."""

    def write(self, line: str) -> str:
        return line
