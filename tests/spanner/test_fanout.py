"""Who is asked, when, how often, and who waits for whom."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from spanner.answers import Answer, State
from spanner.ask.source import ask_source
from spanner.lanes import lane_of, submit_once
from spanner.models import Source, SpanningConfig
from spanner.question import PATIENT_ID, Question, question
from spanner.search import Found, span
from studies.query.keys import QueryLevel
from tests.http_peer import Reply, Request, http_peer
from tests.peers import refused_port, silent_port
from tests.spanner.archives import dimse_archive, study
from tests.spanner.conftest import Federate

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
SECONDS = 30  # that a condition is waited for


def of_patient(patient: str = "P1") -> Question:
    return question(QueryLevel.STUDY, {PATIENT_ID: patient})


def asked(config: SpanningConfig, patient: str = "P1") -> Found:
    return span(config, of_patient(patient), door="api", asked_by="anna")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_trial_in_the_background_closes_the_breaker_and_nobody_waits_for_it(dimse: Make, federate: Federate) -> None:
    source = dimse("North", refused_port())
    config = federate(source)
    for _ in range(3):
        assert asked(config).answers[0].state is State.ERROR
    with dimse_archive([study(1)]) as (port, archive):
        archive.gate.clear()  # it takes its time
        past = timezone.now() - timedelta(seconds=1)
        Source.objects.filter(pk=source.pk).update(port=port, open_until=past)
        assert asked(config).answers[0].state is State.OPEN  # though the trial is not over
        assert asked(config).answers[0].state is State.OPEN
        archive.gate.set()
        wait_for(lambda: not Source.objects.get(pk=source.pk).failures_in_a_row)
        assert len(archive.asked) == 1  # one trial, whoever came
        assert asked(config).answers[0].state is State.OK


def test_a_trial_that_fails_leaves_it_open_for_longer(dimse: Make, federate: Federate) -> None:
    source = dimse("North", refused_port())
    config = federate(source)
    for _ in range(3):
        asked(config)
    Source.objects.filter(pk=source.pk).update(open_until=timezone.now() - timedelta(seconds=1))
    assert asked(config).answers[0].state is State.OPEN
    wait_for(lambda: Source.objects.get(pk=source.pk).failures_in_a_row == 4)
    until = Source.objects.get(pk=source.pk).open_until
    assert until is not None
    wait_for(lambda: (Source.objects.get(pk=source.pk).open_until or until) > timezone.now())


def test_a_refusal_is_an_answer_and_opens_no_breaker(dicomweb: Make, federate: Federate) -> None:
    with http_peer(lambda _: Reply(403)) as peer:
        config = federate(dicomweb("North", peer.url))
        assert {asked(config).answers[0].state for _ in range(5)} == {State.ERROR}
    assert Source.objects.get().failures_in_a_row == 0


def test_a_source_that_is_off_is_said_to_be(dimse: Make, federate: Federate) -> None:
    found = asked(federate(dimse("North", refused_port(), is_enabled=False)))
    assert (found.answers[0].state, found.answers[0].error) == (State.ERROR, "not asked: it is switched off")


def test_a_second_line_wins_when_the_first_hangs(dicomweb: Make, federate: Federate) -> None:
    let_go = threading.Event()
    requests: list[Request] = []

    def answer(request: Request) -> Reply:
        requests.append(request)
        if len(requests) == 1:
            let_go.wait(SECONDS)
        return Reply(200, b"[]")

    with http_peer(answer) as peer:
        config = federate(dicomweb("North", peer.url, timeout_seconds=5), retry_attempts=1)
        found = asked(config)
        let_go.set()
    assert [each.state for each in found.answers] == [State.OK]
    assert len(requests) == 2


def test_one_that_fails_at_once_is_asked_again(dicomweb: Make, federate: Federate) -> None:
    statuses = [503, 503, 200]
    with http_peer(lambda _: Reply(statuses.pop(0), b"[]")) as peer:
        config = federate(dicomweb("North", peer.url), retry_attempts=2)
        assert asked(config).answers[0].state is State.OK
    assert statuses == []


def test_when_all_lines_are_taken_the_answer_says_so(dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, archive):
        archive.gate.clear()
        config = federate(dimse("North", port, max_concurrent=1), timeout_seconds=1, retry_attempts=1)
        lane = lane_of(Source.objects.get())
        first = lane.submit(lambda: ask_source(Source.objects.get(), of_patient("P2"), SECONDS))
        wait_for(lambda: len(archive.asked) == 1)
        found = asked(config)
        archive.gate.set()
        assert first.result(SECONDS).state is State.OK
    assert found.answers[0].state is State.TIMEOUT
    assert "all of the 1 lines to it were taken" in found.answers[0].error
    assert len(archive.asked) == 1  # who had left the line was not asked for any more


def test_identical_questions_under_way_are_asked_once(dimse: Make) -> None:
    with dimse_archive([study(1)]) as (port, archive):
        archive.gate.clear()
        source = dimse("North", port, max_concurrent=8)
        together = threading.Barrier(12)

        def submit(_: int) -> "Future[Answer]":
            together.wait(SECONDS)
            return submit_once(source, "same", lambda: ask_source(source, of_patient(), SECONDS))

        with ThreadPoolExecutor(12) as pool:
            futures = list(pool.map(submit, range(12)))
        archive.gate.set()
        answers = [future.result(SECONDS) for future in futures]
        assert len(archive.asked) == 1
        assert all(each is answers[0] for each in answers)
        # What comes when it is over is asked again.
        wait_for(lambda: submit_once(source, "same", lambda: answers[0]) is not futures[0])


def test_many_at_once_are_all_answered_or_honestly_not(dimse: Make, dicomweb: Make, federate: Federate) -> None:
    with dimse_archive([study(1)], delay_seconds=0.01) as (port, archive), silent_port() as silent:
        config = federate(
            dimse("North", port, max_concurrent=4), dimse("Silent", silent, timeout_seconds=1), timeout_seconds=20
        )

        def one(number: int) -> Found:
            try:
                return asked(config, f"P{number % 7}")
            finally:
                connection.close()

        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(one, range(60)))
    for each in found:
        north, silent_one = each.answers
        assert north.state is State.OK
        assert silent_one.state in {State.TIMEOUT, State.OPEN}
        assert silent_one.error
        assert not each.is_complete
    assert archive.associations <= 4


def test_sources_beyond_those_at_once_are_asked_in_turn(dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (one, _), dimse_archive([study(2)]) as (other, _):
        config = federate(dimse("North", one), dimse("South", other), max_concurrent_sources=1)
        assert [each.state for each in asked(config).answers] == [State.OK, State.OK]


def test_who_has_no_turn_in_time_is_said_to_be_missing(dimse: Make, federate: Federate) -> None:
    with silent_port() as silent:
        sources = dimse("Silent", silent), dimse("South", refused_port())
        found = asked(federate(*sources, max_concurrent_sources=1, timeout_seconds=1))
    assert found.answers[1].state is State.TIMEOUT
    assert found.answers[1].error == "not asked: the others took all of the time"
