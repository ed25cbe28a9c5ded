"""Patterns with ``*`` and ``?`` (PS3.4 C.2.2.2.4), without regular expressions: their cost is bounded."""

import re

ANY_TEXT, ANY_CHARACTER = "*", "?"
_SEVERAL = re.compile(r"\*{2,}")


def has_wildcard(text: str) -> bool:
    """It holds ``*`` or ``?``."""
    return ANY_TEXT in text or ANY_CHARACTER in text


def normal(pattern: str) -> str:
    """The same pattern with no two ``*`` beside each other."""
    return _SEVERAL.sub(ANY_TEXT, pattern)


def is_like(value: str, pattern: str) -> bool:
    """Whether the whole value is like the pattern.

    At most len(value) x len(pattern) steps: only the latest ``*`` is ever tried with more characters, since what an
    earlier one could take, the latest can take as well.
    """
    at = wanted = 0
    star = resume = -1
    while at < len(value):
        if wanted < len(pattern) and pattern[wanted] == ANY_TEXT:
            star, resume = wanted, at
            wanted += 1
        elif wanted < len(pattern) and pattern[wanted] in (ANY_CHARACTER, value[at]):
            at += 1
            wanted += 1
        elif star >= 0:
            resume += 1
            at, wanted = resume, star + 1
        else:
            return False
    return pattern[wanted:].strip(ANY_TEXT) == ""
