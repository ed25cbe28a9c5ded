"""Questions and answers as rows, for those that are asked by workers and those whose answer is fetched later.

Whoever writes an answer first has written it: a source that was given up on stays so.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from spanner.answers import Answer, State
from spanner.fanout import Target
from spanner.models import Query, SourceAnswer, SpanningConfig
from spanner.question import Question
from spanner.sealed import seal, unseal
from studies.query.keys import BY_TAG, QueryLevel

GRACE_SECONDS = 2  # beyond its deadline, for whoever asks to write down who is missing
MAXIMUM_ERROR = 400


def open_query(
    config: SpanningConfig,
    targets: Sequence[Target],
    question: Question,
    *,
    door: str,
    asked_by: str,
    more: dict[str, Any] | None = None,
) -> Query:
    """A row for a question, and one for each answer that is awaited.

    Args:
        config: the federation.
        targets: the first in line first.
        question: as the federation has it.
        door: by which it came.
        asked_by: a user, an API key, or an AE title.
        more: what else is kept with the question.
    """
    with transaction.atomic():
        # The database's clock: those of several hosts may differ by minutes.
        query = Query.objects.create(
            config=config,
            door=door,
            asked_by=asked_by[:150],
            asked_at=Now(),
            level=question.level,
            keys=keywords(question),
            deadline=Now() + timedelta(seconds=config.timeout_seconds + GRACE_SECONDS),
            content=seal({"question": _as_json(question), **(more or {})}).decode(),
        )
        SourceAnswer.objects.bulk_create(
            SourceAnswer(query=query, source=target.source, priority=at) for at, target in enumerate(targets)
        )
    query.refresh_from_db()
    return query


def content_of(query: Query) -> dict[str, Any] | None:
    """What is kept with a question; None when it is not any more."""
    found: dict[str, Any] | None = unseal(query.content.encode()) if query.content else None
    return found


def question_of(query: Query) -> Question | None:
    """The question itself; None when it is not kept any more."""
    content = content_of(query)
    if content is None:
        return None
    level, wanted, asked = content["question"]
    return Question(QueryLevel(level), tuple((tag, value) for tag, value in wanted), tuple(asked))


def write_answer(query_id: str, source_pk: int, answer: Answer) -> bool:
    """Keep what a source answered; False when it was not waited for any more."""
    awaited = SourceAnswer.objects.filter(query=query_id, source=source_pk, state="")
    return bool(
        awaited.update(
            state=answer.state.value,
            count=len(answer.rows),
            milliseconds=answer.milliseconds,
            age_seconds=answer.age_seconds,
            error=answer.error[:MAXIMUM_ERROR],
            rows=seal(answer.rows) if answer.rows else b"",
        )
    )


def is_awaited(query_id: str, source_pk: int) -> bool:
    """Somebody still waits for this answer."""
    return SourceAnswer.objects.filter(query=query_id, source=source_pk, state="").exists()


def give_up(query: Query) -> bool:
    """After the deadline, write down that who has not answered is missing; False before it.

    That is for the process that asks to do. One that was killed does not; then whoever looks does.
    """
    overdue = Query.objects.filter(pk=query.pk, deadline__lt=Now()).exists()
    if overdue:
        SourceAnswer.objects.filter(query=query.pk, state="").update(
            state=State.TIMEOUT.value,
            error="no answer came in time; the process that asked it may have ended",
        )
    return overdue


def answers_of(rows: Iterable[SourceAnswer]) -> list[Answer]:
    """Rows that have been answered, as answers; ``source`` must be loaded."""
    return [_answer(row) for row in rows if row.state]


def keywords(question: Question) -> str:
    """The attributes that were asked for, by their names."""
    return ",".join(BY_TAG[tag].keyword if tag in BY_TAG else f"{tag:08X}" for tag, _ in question.wanted)[:400]


def _answer(row: SourceAnswer) -> Answer:
    state, error, rows = State(row.state), row.error, unseal(bytes(row.rows)) if row.rows else []
    if rows is None:
        state, error, rows = State.ERROR, "what it answered cannot be decrypted: the keys were changed", []
    return Answer(row.source.name, state, rows, row.milliseconds, error, row.age_seconds)


def _as_json(question: Question) -> list[Any]:
    return [question.level.value, question.wanted, question.asked]
