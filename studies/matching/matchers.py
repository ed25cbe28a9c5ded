"""The kinds of matching (PS3.4 C.2.2.2.1 to C.2.2.2.5); that of names is in ``names``."""

from dataclasses import dataclass
from typing import Protocol

from studies.matching.moments import variants
from studies.matching.wildcards import is_like


class Matcher(Protocol):
    """What a key asks of one value of its attribute."""

    def matches(self, value: str) -> bool:
        """Whether this value, without padding, is what was asked for; absent is the empty text."""


@dataclass(frozen=True)
class Universal:
    """Everything matches, an absent attribute too (PS3.4 C.2.2.2.3)."""

    def matches(self, value: str) -> bool:
        """Always."""
        return True


@dataclass(frozen=True)
class Empty:
    """Two quotation marks: the attribute has no value."""

    def matches(self, value: str) -> bool:
        """It is empty."""
        return value == ""


@dataclass(frozen=True)
class Single:
    """Exactly this value, case and all (PS3.4 C.2.2.2.1)."""

    value: str

    def matches(self, value: str) -> bool:
        """It is the same."""
        return value == self.value


@dataclass(frozen=True)
class OneOf:
    """One of several values: a list of UIDs (PS3.4 C.2.2.2.2), or a number in each way to write it."""

    values: tuple[str, ...]

    def matches(self, value: str) -> bool:
        """It is one of them."""
        return value in self.values


@dataclass(frozen=True)
class Wildcard:
    """A pattern with ``*`` and ``?``, case-sensitive (PS3.4 C.2.2.2.4)."""

    pattern: str

    def matches(self, value: str) -> bool:
        """It is like the pattern."""
        return is_like(value, self.pattern)


@dataclass(frozen=True)
class Moment:
    """One time by its meaning: 2230 is 223000 (PS3.4 C.2.2.2.1.3).

    Attributes:
        shortest: without the components and decimals at its end that are zero.
    """

    shortest: str

    @property
    def values(self) -> tuple[str, ...]:
        """Each way to write it."""
        return variants(self.shortest)

    def matches(self, value: str) -> bool:
        """It means the same."""
        return value in self.values


@dataclass(frozen=True)
class Range:
    """From first to last, both included; None is open (PS3.4 C.2.2.2.5).

    The bounds are such that a comparison of texts is one of meaning: the first one is as short as can be, the last one
    ends with its last component, so that ``-1200`` takes in what was noted as 12:00:30.
    """

    first: str | None
    last: str | None

    @property
    def is_inverted(self) -> bool:
        """It ends before it begins."""
        return self.first is not None and self.last is not None and self.first > self.last

    def matches(self, value: str) -> bool:
        """It lies between; no value lies nowhere."""
        return value != "" and (self.first or "") <= value and (self.last is None or value <= self.last)
