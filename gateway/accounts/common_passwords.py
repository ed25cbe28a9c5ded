"""Passwords that are long and still among the first to be tried: a common word with something put around it."""

import re
import unicodedata

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

# Digits and signs that people write in place of letters.
_LETTERS = str.maketrans("013457@$!|", "oleastasil")
_AROUND = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_BETWEEN = re.compile(r"[\W\d_]+")
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm")
_OURS = frozenset({"gantry", "dicom", "radiology", "radiologie", "radiologia", "hospital", "administrator", "pacs"})
SHORTEST_RUN = 3
COMMON_WORDS = 2  # three at random are more than somebody tries


class CommonPartsValidator:
    """Refuses one or two common words with whatever around them, a repetition, a row of keys, and digits alone.

    Django's own validator knows twenty thousand common passwords, few of which have twelve characters; here they are
    what is looked for in a longer one.
    """

    def __init__(self) -> None:
        """Load the list."""
        self._known = CommonPasswordValidator().passwords | _OURS

    def validate(self, password: str, user: object = None) -> None:
        """Django's interface.

        Raises:
            ValidationError: it is too easily guessed.
        """
        text = unicodedata.normalize("NFKC", password).casefold()
        if self._is_common(_AROUND.sub("", text)) or _repeats(text) or _runs(text):
            raise ValidationError(self.get_help_text(), code="password_too_common")

    def get_help_text(self) -> str:
        """What to do."""
        return "It must be more than common words with digits or signs around them, a repetition, or a row of keys."

    def _is_common(self, bare: str) -> bool:
        for form in (bare, bare.translate(_LETTERS)):
            words = {word for word in _BETWEEN.split(form) if word}
            if form in self._known or (len(words) <= COMMON_WORDS and words <= self._known):
                return True
        return False


def _repeats(text: str) -> bool:
    """Whether it is a piece of at most half of it again and again."""
    pieces = (text[:length] for length in range(1, len(text) // 2 + 1))
    return any((piece * (len(text) // len(piece) + 1))[: len(text)] == text for piece in pieces)


def _runs(text: str) -> bool:
    """Whether at least two thirds are runs over the alphabet, the digits or a row of keys, in either direction."""
    rows = [*_ROWS, *(row[::-1] for row in _ROWS)]
    left, at = 0, 0
    while at < len(text):
        length = max(_run(text[at:], row) for row in rows)
        left += 0 if length >= SHORTEST_RUN else 1
        at += length if length >= SHORTEST_RUN else 1
    return left * 3 <= len(text)


def _run(text: str, row: str) -> int:
    """How many characters of a text's beginning follow each other in a row."""
    start, length = row.find(text[0]), 0
    while start >= 0 and length < len(text) and row[start + length : start + length + 1] == text[length]:
        length += 1
    return length
