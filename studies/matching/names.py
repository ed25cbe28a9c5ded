"""Names of persons: matching without regard to case, by component groups, and the fuzzy kind (PS3.4 C.2.2.2.1.1).

A name has up to three component groups (PS3.5 6.2.1). A key without ``=`` is compared with each of them and with the
whole; one with ``=`` group by group, where an empty group asks nothing. Delimiters and spaces at the end of a group
mean nothing. That is literal matching as the standard lets an application choose it.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from studies.matching.wildcards import is_like

_PADDING = "^ "
_GROUPS = 3
_BETWEEN_WORDS = re.compile(r"[\s^=,.\-]+")
# Letters that Unicode does not take apart into a letter and an accent.
_PLAIN = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "þ": "th",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    }
)


def fold(text: str) -> str:
    """The text without case, character by character, so that it keeps its length.

    A letter that is not ASCII never becomes one that is: databases that fold ASCII alone then never find too little.
    """
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 and lower.isascii() == character.isascii() else character


def _normal(text: str) -> str:
    """Without case, and without delimiters at the end of each group."""
    groups = [group.rstrip(_PADDING) for group in fold(text).split("=")]
    return "=".join(groups).rstrip("=")


@dataclass(frozen=True)
class Name:
    """A name or a pattern of one."""

    pattern: str

    @cached_property
    def wanted(self) -> str:
        """The pattern in the form that is compared."""
        return _normal(self.pattern)

    def matches(self, value: str) -> bool:
        """The whole name or one of its groups is like the pattern."""
        whole = fold(value).rstrip(_PADDING + "=")
        if is_like(whole, self.wanted):
            return True
        groups = _normal(value).split("=")
        if "=" not in self.wanted:
            return any(is_like(group, self.wanted) for group in groups)
        groups += [""] * _GROUPS
        asked = enumerate(self.wanted.split("=")[:_GROUPS])
        return all(not group or is_like(groups[at], group) for at, group in asked)


@dataclass(frozen=True)
class FuzzyName:
    """A name by its words, without regard to accents and order; each word may be the beginning of one."""

    pattern: str

    @cached_property
    def wanted(self) -> tuple[str, ...]:
        """The words that are looked for, as patterns."""
        return tuple(f"{word}*" for word in _words(self.pattern))

    def matches(self, value: str) -> bool:
        """Each word that is asked for begins a word of the name."""
        held = _words(value)
        return all(any(is_like(word, wanted) for word in held) for wanted in self.wanted)


def _words(name: str) -> list[str]:
    apart = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(character for character in apart if not unicodedata.combining(character)).translate(_PLAIN)
    return [word for word in _BETWEEN_WORDS.split(plain) if word]
