"""Requests as a queue: joined while they wait, claimed once, failed over, given up, taken back."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from routing.ai.choose import Workers
from routing.ai.models import AIPool, AIRequest, AIRequestState, AIWorker, PoolStrategy
from routing.ai.queue import (
    GIVE_UP_AFTER,
    MAXIMUM_LOST_LEASES,
    claim,
    finish_failed,
    finish_sent,
    give_up_unwanted,
    pass_on_overdue,
    pull_in_far_attempts,
    renew,
    take_back_expired_leases,
)
from routing.ai.requests import cancel, request, retry
from routing.models import RuleVersion
from studies.models import Instance, Series
from tests.factories import InstanceFactory, SeriesFactory, version_of_a_new_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung_for_ai")]


def pool_of(count: int = 2, **fields: object) -> AIPool:
    pool: AIPool = AIPool.objects.create(name=f"Pool {AIPool.objects.count()}", **fields)
    for number in range(count):
        AIWorker.objects.create(pool=pool, name=f"{pool.pk}-{number}", ae_title=f"AI{number}", host="127.0.0.1")
    return pool


def ask(
    pool: AIPool, series: Series | None = None, *, version: RuleVersion | None = None, priority: int = 3
) -> AIRequest | None:
    series = series or SeriesFactory.create()
    if not series.instances.exists():
        InstanceFactory.create_batch(2, series=series)
    Instance.objects.update(planned_at=timezone.now())  # or the request waits for them
    instances_of = {series.study_id: list(series.instances.values_list("pk", flat=True))}
    version = version or version_of_a_new_rule()
    made = request(pool, version=version, instances_of=instances_of, priority=priority)
    return made[0] if made else None


def test_instances_join_the_request_that_waits_and_none_twice(rung_for_ai: list[str]) -> None:
    pool, version, series = pool_of(), version_of_a_new_rule(), SeriesFactory.create()
    first = ask(pool, series, version=version)
    InstanceFactory.create(series=series)

    assert ask(pool, series, version=version) == first
    assert ask(pool, series, version=version) is None
    assert first is not None
    assert first.instances.count() == 3
    assert AIRequest.objects.count() == 1


def test_a_late_instance_makes_a_request_of_its_own() -> None:
    pool, version, series = pool_of(), version_of_a_new_rule(), SeriesFactory.create()
    ask(pool, series, version=version)
    claimed = claim()
    assert claimed is not None
    finish_sent(claimed)
    late = InstanceFactory.create(series=series)

    second = ask(pool, series, version=version)

    assert second is not None
    assert list(second.instances.all()) == [late]


def test_studies_are_asked_about_together_in_as_many_statements_as_one(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    pool, version, series = pool_of(), version_of_a_new_rule(), SeriesFactory.create_batch(20)
    waiting = ask(pool, series[3], version=version)
    instances_of = {each.study_id: [InstanceFactory.create(series=each).pk] for each in series}

    with django_assert_max_num_queries(8):
        made = request(pool, version=version, instances_of=instances_of, priority=2)

    assert [each.study_id for each in made] == sorted(instances_of)
    assert waiting in made
    assert all(set(instances_of[each.study_id]) <= {one.pk for one in each.instances.all()} for each in made)
    assert request(pool, version=version, instances_of=instances_of, priority=2) == []


@pytest.mark.parametrize("other", ["pool", "version", "study"])
def test_another_pool_version_or_study_is_another_request(other: str) -> None:
    pool, version, series = pool_of(), version_of_a_new_rule(), SeriesFactory.create()
    ask(pool, series, version=version)

    ask(
        pool_of() if other == "pool" else pool,
        SeriesFactory.create() if other == "study" else series,
        version=version_of_a_new_rule() if other == "version" else version,
    )

    assert AIRequest.objects.count() == 2


def test_a_claim_is_one_s_alone_and_the_urgent_goes_first() -> None:
    pool = pool_of(2)
    routine, stat = ask(pool), ask(pool, priority=1)

    first, second, third = claim(), claim(), claim()

    assert first is not None
    assert second is not None
    assert (first.request, second.request, third) == (stat, routine, None)
    assert first.worker != second.worker


def test_a_worker_never_has_more_than_it_may() -> None:
    pool = pool_of(1)
    AIWorker.objects.update(maximum_requests=2)
    for _ in range(4):
        ask(pool)
    for expected in (True, True, False):
        claimed = claim()
        assert (claimed is not None) is expected
        if claimed is not None:
            finish_sent(claimed)


def test_a_worker_that_is_sent_to_is_sent_nothing_else_meanwhile() -> None:
    pool = pool_of(1)
    ask(pool)
    ask(pool)

    assert claim() is not None
    assert claim() is None


@pytest.mark.parametrize(
    ("fields", "what"),
    [({"is_enabled": False}, "pool"), ({"is_enabled": False}, "worker"), ({"paused": True}, "worker")],
)
def test_what_is_off_or_rests_gets_nothing(fields: dict[str, bool], what: str) -> None:
    pool = pool_of(1)
    ask(pool)
    if what == "pool":
        AIPool.objects.update(**fields)
    elif "paused" in fields:
        AIWorker.objects.update(paused_until=timezone.now() - timedelta(seconds=1))  # over, and not yet echoed
    else:
        AIWorker.objects.update(**fields)

    assert claim() is None


def test_failover_goes_round_all_workers_then_fails_with_words() -> None:
    pool = pool_of(3, maximum_attempts=3)
    made = ask(pool)
    asked = []
    for _ in range(3):
        claimed = claim()
        assert claimed is not None
        asked.append(claimed.worker.pk)
        assert finish_failed(claimed, "Node: it said no")
    assert made is not None
    made.refresh_from_db()
    assert len(set(asked)) == 3
    assert made.tried == asked
    assert (made.state, made.last_error) == ("failed", "3 attempts. The last: Node: it said no")
    assert claim() is None


def test_a_lone_worker_is_asked_again_after_a_while() -> None:
    pool = pool_of(1)
    made = ask(pool)
    claimed = claim()
    assert claimed is not None
    finish_failed(claimed, "no")
    assert made is not None
    made.refresh_from_db()

    assert made.state == "queued"
    assert made.next_attempt_at > timezone.now() + timedelta(seconds=5)
    AIRequest.objects.update(next_attempt_at=timezone.now())
    assert claim() is not None


def test_one_that_has_not_tried_is_waited_for_while_it_is_only_busy() -> None:
    pool = pool_of(2)
    failed, other = pool.workers.order_by("pk")
    ask(pool)
    AIRequest.objects.update(tried=[failed.pk])
    AIWorker.objects.filter(pk=other.pk).update(maximum_requests=1)
    busy = ask(pool)
    assert busy is not None
    AIRequest.objects.filter(pk=busy.pk).update(state=AIRequestState.ASKED, worker=other)

    assert claim() is None

    AIWorker.objects.filter(pk=other.pk).update(paused_until=timezone.now() + timedelta(minutes=1))
    claimed = claim()
    assert claimed is not None
    assert claimed.worker == failed


def test_a_lost_process_does_not_use_up_the_attempts_at_once() -> None:
    pool = pool_of(1, maximum_attempts=1)
    made = ask(pool)
    assert made is not None
    for number in range(MAXIMUM_LOST_LEASES + 1):
        AIRequest.objects.update(next_attempt_at=timezone.now())
        assert claim() is not None, number
        AIRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert take_back_expired_leases() == 1
    made.refresh_from_db()
    assert made.state == "failed"
    assert "The sending process was lost" in made.last_error


def test_a_worker_that_comes_back_after_its_lease_changes_nothing() -> None:
    pool = pool_of(2)
    ask(pool)
    old = claim()
    assert old is not None
    AIRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    take_back_expired_leases()
    new = claim()
    assert new is not None

    assert not renew(old)
    assert not finish_sent(old)
    assert not finish_failed(old, "too late")
    assert renew(new)
    assert finish_sent(new)
    new.request.refresh_from_db()
    assert (new.request.state, new.request.worker) == ("asked", new.worker)


def test_a_worker_that_does_not_answer_in_time_is_passed_over() -> None:
    pool = pool_of(2)
    made = ask(pool)
    claimed = claim()
    assert claimed is not None
    finish_sent(claimed)
    assert pass_on_overdue() == 0
    AIRequest.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))

    assert pass_on_overdue() == 1

    following = claim()
    assert following is not None
    assert following.worker != claimed.worker
    claimed.worker.refresh_from_db()
    assert claimed.worker.failures_in_a_row == 1
    assert "did not answer within 600 s" in claimed.worker.last_error
    assert made == following.request


def test_a_clock_that_was_set_back_strands_nothing() -> None:
    pool = pool_of(3)
    far = timezone.now() + timedelta(days=3650)
    for state in (AIRequestState.SENDING, AIRequestState.ASKED, AIRequestState.QUEUED):
        made = ask(pool)
        assert made is not None
        AIRequest.objects.filter(pk=made.pk).update(
            state=state,
            worker=pool.workers.first(),
            lease_until=far if state == AIRequestState.SENDING else None,
            deadline_at=far if state == AIRequestState.ASKED else None,
            next_attempt_at=far,
        )

    take_back_expired_leases()
    pass_on_overdue()
    pull_in_far_attempts()

    assert set(AIRequest.objects.values_list("state", flat=True)) == {"queued"}
    assert AIRequest.objects.filter(next_attempt_at__lt=timezone.now() + timedelta(minutes=6)).count() == 3


def test_what_nobody_could_take_for_three_days_has_failed() -> None:
    ask(pool_of(0))
    assert give_up_unwanted() == 0
    AIRequest.objects.update(next_attempt_at=timezone.now() - GIVE_UP_AFTER - timedelta(minutes=1))

    assert give_up_unwanted() == 1
    assert "no worker of the pool" in AIRequest.objects.get().last_error


def test_retry_and_cancel_by_state() -> None:
    pool = pool_of(0)
    rows: dict[str, int] = {}
    for state in AIRequestState:
        made = ask(pool)
        assert made is not None
        AIRequest.objects.filter(pk=made.pk).update(state=state, attempts=3)
        rows[state] = made.pk

    assert retry(AIRequest.objects.filter(pk__in=[rows[state] for state in ("sending", "asked", "answered")])) == 0
    assert cancel(AIRequest.objects.filter(pk__in=[rows[state] for state in ("sending", "answered")])) == 0
    assert retry(AIRequest.objects.filter(pk=rows[AIRequestState.FAILED])) == 1
    assert cancel(AIRequest.objects.filter(pk=rows[AIRequestState.ASKED])) == 1
    assert AIRequest.objects.get(pk=rows[AIRequestState.FAILED]).attempts == 0


def chosen(pool: AIPool, count: int) -> Counter[str]:
    """Who gets so many requests, each answered before the next comes."""
    names: list[str] = []
    for _ in range(count):
        worker = Workers(pool, random.Random(len(names))).choose([])
        assert worker is not None
        AIWorker.objects.filter(pk=worker.pk).update(last_asked_at=timezone.now())
        names.append(worker.ae_title)
    return Counter(names)


def test_round_robin_gives_each_its_turn() -> None:
    assert chosen(pool_of(3), 30) == {"AI0": 10, "AI1": 10, "AI2": 10}


def test_weights_are_shares() -> None:
    pool = pool_of(2, strategy=PoolStrategy.WEIGHTED)
    AIWorker.objects.filter(ae_title="AI0").update(weight=3)

    counts = chosen(pool, 400)

    assert 2.2 < counts["AI0"] / counts["AI1"] < 4


def test_least_busy_prefers_who_has_fewest_open() -> None:
    pool = pool_of(2, strategy=PoolStrategy.LEAST_BUSY)
    AIWorker.objects.update(maximum_requests=8)
    slow, quick = pool.workers.order_by("pk")
    for _ in range(3):
        made = ask(pool)
        assert made is not None
        AIRequest.objects.filter(pk=made.pk).update(state=AIRequestState.ASKED, worker=slow)
    AIWorker.objects.filter(pk=quick.pk).update(last_asked_at=timezone.now())

    worker = Workers(pool).choose([])

    assert worker == quick


def test_a_claim_costs_no_more_queries_with_many_requests() -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    pool = pool_of(3)
    ask(pool)
    with CaptureQueriesContext(connection) as few:
        claim()
    for _ in range(30):
        ask(pool)
    with CaptureQueriesContext(connection) as many:
        claim()

    assert len(many) == len(few)
    assert Instance.objects.exists()
