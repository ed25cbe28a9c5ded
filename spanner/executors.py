"""Who asks: threads of the process that was asked itself, or workers of the queue ``span``."""

from collections.abc import Iterator, Sequence

from django.conf import settings

from spanner.answers import Answer
from spanner.fanout import Target, Terms, ask_all
from spanner.models import Query
from spanner.question import Question
from spanner.workers import ask_by_workers


def is_by_workers() -> bool:
    """Questions are put by workers, and so need rows that these read them from and write answers to."""
    return bool(settings.GANTRY.span_executor == "celery")


def answers_of(targets: Sequence[Target], question: Question, terms: Terms, query: Query | None) -> Iterator[Answer]:
    """Exactly one answer of each target, as they come.

    Args:
        targets: the first in line first.
        question: as the federation has it.
        terms: how it is put.
        query: the rows of the question, where workers ask; None where threads do.
    """
    if query is None:
        return ask_all(targets, question, terms)
    return ask_by_workers(query, targets, terms)
