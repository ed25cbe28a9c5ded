"""Who asks: threads of the process that was asked itself, or workers of the queue ``span``."""

from collections.abc import Iterator, Sequence

from spanner.answers import Answer
from spanner.fanout import Target, Terms, ask_all
from spanner.question import Question


def answers_of(targets: Sequence[Target], question: Question, terms: Terms) -> Iterator[Answer]:
    """Exactly one answer of each target, as they come."""
    return ask_all(targets, question, terms)
