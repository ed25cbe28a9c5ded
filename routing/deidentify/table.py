"""Table E.1-1 of PS3.15, edition 2026c, as ``table.csv`` has it: what becomes of which attribute.

The attributes and their basic actions are those of dicom-anonymizer 2.1.0 (Kitware Europe, BSD 3-clause), the columns
of the options those of dicom-standard 0.1.0 (Innolitics, MIT), which is of an edition of 2020. For newer rows the
options keep dates and UIDs only; anything else of them has its basic action whatever the options are.
"""

import csv
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("table.csv")


class Do(Enum):
    """What is done with an attribute (PS3.15 Table E.1-1a), where that is decided."""

    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    NEW_UID = "U"
    INSIDE = "U*"
    KEEP = "K"
    CLEAN = "C"


# Where the standard leaves the choice to the type that the attribute has in an IOD, the one that is valid in each:
# empty is so for types 2 and 3, a dummy for all.
_CHOSEN = {
    "X": Do.REMOVE,
    "Z": Do.EMPTY,
    "D": Do.DUMMY,
    "U": Do.NEW_UID,
    "Z/D": Do.DUMMY,
    "X/Z": Do.EMPTY,
    "X/D": Do.DUMMY,
    "X/Z/D": Do.DUMMY,
    "X/Z/U*": Do.INSIDE,
}


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        basic: of the Basic Profile.
        options: what an option does instead, by its name.
    """

    basic: Do
    options: dict[str, Do]
    name: str

    def action(self, options: frozenset[str]) -> Do:
        """What is done when these options are chosen; to keep goes before to clean (PS3.15 E.3)."""
        chosen = {action for option, action in self.options.items() if option in options}
        return Do.KEEP if Do.KEEP in chosen else Do.CLEAN if chosen else self.basic


@cache
def table() -> dict[int, Row]:
    """The rows by tag; those of repeating groups stand under their first group."""
    with _FILE.open(newline="", encoding="utf-8") as file:
        return {_tag(row["tag"]): _row(row) for row in csv.DictReader(file)}


def row_of(tag: int) -> Row | None:
    """The row of a tag; None when the table has none."""
    if 0x5000 <= tag >> 16 <= 0x50FF:
        return table()[0x50000000]
    if 0x6000 <= tag >> 16 <= 0x60FF:
        tag = tag & 0xFFFF | 0x60000000
    return table().get(tag)


def _tag(digits: str) -> int:
    return int(digits.replace("X", "0"), 16)


def _row(row: dict[str, str]) -> Row:
    options = dict(option.split("=") for option in row["options"].split())
    return Row(_CHOSEN[row["action"]], {name: Do(action) for name, action in options.items()}, row["name"])
