"""What is wrong with a document: each thing with its place in it, and one sentence that says what to do."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_TOLD = 100
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        words: a sentence.
        path: where, such as ``destinations[2].port``; empty: the document as a whole.
        line: of the document, from 1; 0: it has none.
        follows: from another problem of the document, so that it need not be told beside that one.
    """

    words: str
    path: str = ""
    line: int = 0
    follows: bool = False

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        place = ", ".join(filter(None, (line, self.path)))
        return f"{place}: {self.words}" if place else self.words


class BadDocument(Exception):
    """The document cannot be applied; nothing was."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = tuple(problems)
        more = (Problem(f"There are {len(found) - MOST_TOLD} more."),) if len(found) > MOST_TOLD else ()
        self.problems = found[:MOST_TOLD] + more
        super().__init__("\n".join(map(str, self.problems)))


def path_in_words(path: Path) -> str:
    """``("rules", 2, "order")`` as ``rules[3].order``; people count from 1."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part + 1}]"
        else:
            words += f".{part}" if words else part
    return words
