"""The figures of the board, and a study's time line."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateway.trace import trace
from routing.ai.board import board, turn_around
from tests.factories import AIPoolFactory, AIRequestFactory, AIResultFactory, AIWorkerFactory, InstanceFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_figures_of_a_pool_and_its_workers() -> None:
    pool = AIPoolFactory.create()
    quick, slow = AIWorkerFactory.create(pool=pool), AIWorkerFactory.create(pool=pool, is_enabled=False)
    for seconds in range(1, 21):
        sent_at = NOW - timedelta(minutes=5)
        AIRequestFactory.create(
            pool=pool, worker=quick, state="answered", sent_at=sent_at, answered_at=sent_at + timedelta(seconds=seconds)
        )
    AIRequestFactory.create(
        pool=pool, worker=quick, state="answered", sent_at=NOW - timedelta(days=3), answered_at=NOW - timedelta(days=2)
    )
    AIRequestFactory.create(pool=pool)
    AIRequestFactory.create(pool=pool, worker=slow, state="asked")
    AIRequestFactory.create(pool=pool, worker=slow, state="failed", tried=[quick.pk, slow.pk])
    AIResultFactory.create(worker=slow)
    AIResultFactory.create(worker=slow, verdict="accepted")

    (found,) = board()
    lines = {line.worker: line for line in found.workers}

    assert (found.queued, found.open, found.failed, found.quarantined) == (1, 1, 1, 1)
    assert (found.turn_around.count, found.turn_around.p50_seconds, found.turn_around.p95_seconds) == (20, 10, 19)
    assert (lines[quick].turn_around, lines[quick].failures) == (found.turn_around, 1)
    assert (lines[slow].open, lines[slow].failures, lines[slow].quarantined) == (1, 1, 1)
    assert (lines[quick].state, lines[slow].state) == ("up", "off")


def test_no_answer_has_no_quantile() -> None:
    assert turn_around([]).p50_seconds is None
    assert turn_around([3.0]).p95_seconds == 3.0


def test_the_board_costs_the_same_for_many() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            board()
        return len(found)

    AIRequestFactory.create(worker=AIWorkerFactory.create())
    few = queries()
    for _ in range(5):
        AIRequestFactory.create(worker=AIWorkerFactory.create(), state="failed", tried=[1])
    assert queries() == few


def test_the_time_line_of_a_study() -> None:
    instance = InstanceFactory.create(planned_at=NOW)
    study = instance.series.study
    pool = AIPoolFactory.create(name="Lung nodules")
    worker = AIWorkerFactory.create(pool=pool, name="Node A")
    request = AIRequestFactory.create(
        study=study, pool=pool, worker=worker, state="answered", sent_at=NOW, answered_at=NOW
    )
    request.instances.add(instance)
    for verdict, reason in (("accepted", ""), ("quarantined", "It names another patient than the study.")):
        AIResultFactory.create(instance__series=instance.series, worker=worker, verdict=verdict, reason=reason)

    found = {event.words: event for event in trace(study) if event.kind in {"ai request", "ai result"}}

    assert set(found) == {
        "Node A of Lung nodules answered about 1 instance",
        "1 AI result from Node A accepted",
        "1 AI result from Node A quarantined",
    }
    assert found["1 AI result from Node A quarantined"].detail == "It names another patient than the study."
    assert found["1 AI result from Node A quarantined"].state == "warning"
