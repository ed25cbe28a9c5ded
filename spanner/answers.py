"""What one archive answered: matches in one form, whatever they came from, and the truth about it (PS3.18 F.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")  # PS3.18 F.2.2
# An object of the DICOM JSON Model: by tag in eight hexadecimal digits, ``{"vr": ..., "Value": [...]}``.
Row = Mapping[str, Mapping[str, Any]]


class State(StrEnum):
    """How an archive answered; the names are those of the API."""

    OK = "ok"
    PARTIAL = "partial"  # there are more matches than it gave, or some could not be read
    TIMEOUT = "timeout"  # not in the time that it had
    ERROR = "error"  # it failed, or refused
    OPEN = "open"  # it was not asked: it failed too often just now


WHOLE = frozenset({State.OK})
USABLE = frozenset({State.OK, State.PARTIAL})


@dataclass(frozen=True)
class Answer:
    """Of one source to one question.

    Attributes:
        source: its name.
        rows: what it found.
        milliseconds: from the question to the end of the answer.
        error: why it is not whole, in words for people; empty when it is.
        age_seconds: how long ago it was given; 0 for one that was asked for just now.
        is_alive: something that answers is there, whatever it answered.
    """

    source: str
    state: State
    rows: Sequence[Row] = ()
    milliseconds: float = 0
    error: str = ""
    age_seconds: float = 0
    is_alive: bool = True

    @property
    def is_whole(self) -> bool:
        """It is all that the source has."""
        return self.state in WHOLE


def tag_name(tag: int) -> str:
    """A tag as it stands in a row."""
    return f"{tag:08X}"


def values_of(row: Row, tag: int) -> list[Any]:
    """The values of an attribute; none when it has none."""
    element = row.get(tag_name(tag))
    return list(element.get("Value") or ()) if element else []


def text_of(row: Row, tag: int) -> str:
    """The first value as text, of a name its alphabetic group or else the first that it has; empty without one."""
    values = values_of(row, tag)
    if not values or values[0] is None:
        return ""
    first = values[0]
    if isinstance(first, Mapping):
        return str(first.get("Alphabetic") or next(iter(first.values()), ""))
    return str(first)


def with_text(row: Row, tag: int, vr: str, text: str) -> Row:
    """The same row with another text as the value of an attribute."""
    return {**row, tag_name(tag): {"vr": vr, "Value": [text]} if text else {"vr": vr}}
