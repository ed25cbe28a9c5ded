"""A question of a page as a row, with what its sources have answered so far."""

from collections.abc import Mapping

from gateway.accounts.models import User
from spanner.answers import Answer
from spanner.models import Query, Source, SpanningConfig
from spanner.queries import open_query, write_answer
from spanner.question import PATIENT_ID, question
from spanner.search import targets_of
from studies.query.keys import QueryLevel


def answered(config: SpanningConfig, answers: Mapping[Source, Answer], *, by: User, patient_id: str = "P*") -> Query:
    """It was asked by this person; sources without an answer are still waited for."""
    asked = question(QueryLevel.STUDY, {PATIENT_ID: patient_id})
    more = {"asker": f"user {by.pk}"}
    query = open_query(config, targets_of(config), asked, door="page", asked_by=by.get_username(), more=more)
    for source, answer in answers.items():
        write_answer(query.pk, source.pk, answer)
    return query
