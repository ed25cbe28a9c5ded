"""Sources asked by a real worker over a real broker, and what becomes of a question when either is lost."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import psutil
import pytest
from django.db import connection
from pytest_django import Settings

from gateway.celery import app
from gateway.env import BASE_DIR
from gateway.supervisor.parent_death import die_with_parent
from gateway.supervisor.processes import SPAN_THREADS, programs
from spanner import workers
from spanner.answers import State, text_of
from spanner.models import Query, Source, SourceAnswer
from spanner.question import PATIENT_ID, STUDY_UID, question
from spanner.search import Found, span, stream
from studies.query.keys import QueryLevel
from tests.api_clients import V1, client_of
from tests.peers import refused_port
from tests.servers import valkey
from tests.spanner.archives import dimse_archive, study
from tests.spanner.conftest import Federate
from tests.spanner.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
ASKED = question(QueryLevel.STUDY, {PATIENT_ID: "Canary"})


@dataclass
class Broker:
    """A broker of its own, and what ends it for good."""

    url: str
    stop: Callable[[], None]


@pytest.fixture
def broker(settings: Settings) -> Iterator[Broker]:
    with ExitStack() as stack:
        url = stack.enter_context(valkey())
        celery_url = "redis+socket://" + url.removeprefix("unix://")
        settings.GANTRY = replace(
            settings.GANTRY, redis_url=url, broker_url=celery_url, span_executor="celery", is_broker_embedded=False
        )
        before = app.conf.broker_url
        use_broker(celery_url)
        try:
            yield Broker(url, stack.close)
        finally:
            use_broker(before)


def use_broker(url: str) -> None:
    app.conf.update(broker_url=url, broker_read_url=url, broker_write_url=url)
    app._after_fork()  # type: ignore[attr-defined]  # it closes what is open to the other broker


@pytest.fixture
def worker(broker: Broker, settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """The worker as the supervisor starts it, on the database of the test."""
    [program] = [one for one in programs(settings.GANTRY) if one.name == "worker-span"]
    parent = os.getpid()
    process = subprocess.Popen(
        program.command,
        cwd=BASE_DIR,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "gateway.settings.test",
            "DATABASE_URL": database_url(),
            "REDIS_URL": broker.url,
            "GANTRY_HOME": str(settings.GANTRY.home),
            "GANTRY_SPAN_EXECUTOR": "celery",
        },
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 (an orphan would keep on asking)
    )
    try:
        wait_until(lambda: bool(app.control.inspect(timeout=0.5).ping()), 90)
        yield process
    finally:
        process.kill()
        process.wait()


def database_url() -> str:
    told = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{told['NAME']}"
    return f"postgres://{told['USER']}:{told['PASSWORD']}@{told['HOST']}:{told['PORT']}/{told['NAME']}"


def uids(found: Found) -> list[str]:
    return sorted(text_of(one.row, STUDY_UID) for one in found.merged)


def states(found: Found) -> dict[str, str]:
    return {answer.source: answer.state.value for answer in found.answers}


def test_a_worker_asks_and_nothing_is_left_of_it(
    worker: "subprocess.Popen[bytes]", broker: Broker, dimse: Make, federate: Federate
) -> None:
    with dimse_archive([study(1, "Canary")]) as (port, _), dimse_archive([study(2, "Canary")]) as (other, archive):
        config = federate(dimse("North", port), dimse("South", other), dimse("Gone", refused_port()))
        found = span(config, ASKED, door="api", asked_by="anna")
        assert uids(found) == ["1.2.3.1", "1.2.3.2"]
        assert states(found) == {"North": "ok", "South": "ok", "Gone": "error"}
        # It was not this process that asked: the worker's lines to the archive are open still.
        assert archive.associations == 1
        span(config, ASKED, door="api", asked_by="anna")
        assert archive.associations == 1

    for query in Query.objects.all():
        assert (query.matches, query.content, query.finished_at is not None) == (2, None, True)
    assert not SourceAnswer.objects.exists()
    from redis import Redis

    with Redis.from_url(broker.url) as redis:
        seen = b"".join(_content(redis, key) for key in redis.keys("*"))
    assert b"Canary" not in seen


def _content(redis: "object", key: bytes) -> bytes:
    return key + bytes(redis.dump(key) or b"")  # type: ignore[attr-defined]


def test_a_broker_that_is_killed_in_the_middle_costs_no_answer(
    worker: "subprocess.Popen[bytes]", broker: Broker, dimse: Make, federate: Federate
) -> None:
    with dimse_archive([study(1, "Canary")]) as (port, _), dimse_archive([study(2, "Canary")]) as (slow, archive):
        archive.gate.clear()
        config = federate(dimse("North", port), dimse("Slow", slow))
        client = client_of("administrator")
        asked = client.get(f"{V1}/spanner/qido/studies?PatientID=Canary&spanner_config_id={config.pk}&async=true")
        assert asked.status_code == 202
        wait_until(lambda: len(archive.asked) == 1)

        broker.stop()
        archive.gate.set()
        wait_until(lambda: client.get(asked.json()["status_url"]).json()["is_finished"], 60)

    answer = client.get(asked.json()["results_url"]).json()
    assert {one["name"]: one["state"] for one in answer["sources"]} == {"North": "ok", "Slow": "ok"}
    assert (answer["total"], answer["is_complete"]) == (2, True)


def test_without_a_broker_it_is_asked_here(broker: Broker, dimse: Make, federate: Federate) -> None:
    broker.stop()
    with dimse_archive([study(1, "Canary")]) as (port, _):
        found = span(federate(dimse("North", port)), ASKED, door="api", asked_by="anna")

    assert (uids(found), found.is_complete) == (["1.2.3.1"], True)
    assert Query.objects.get().is_complete


def test_without_a_worker_it_is_asked_here(broker: Broker, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1, "Canary")]) as (port, _):
        found = span(federate(dimse("North", port)), ASKED, door="api", asked_by="anna")

    assert (uids(found), found.is_complete) == (["1.2.3.1"], True)
    assert found.answers[0].milliseconds < 1000 * workers.TAKEN_OVER_SECONDS


def test_a_worker_that_is_killed_while_it_asks_is_a_timeout(
    worker: "subprocess.Popen[bytes]", dimse: Make, federate: Federate
) -> None:
    with dimse_archive([study(1, "Canary")]) as (port, _), dimse_archive([study(2, "Canary")]) as (slow, archive):
        archive.gate.clear()
        config = federate(dimse("North", port), dimse("Slow", slow, timeout_seconds=8))
        client = client_of("administrator")
        asked = client.get(f"{V1}/spanner/qido/studies?spanner_config_id={config.pk}&async=true").json()
        wait_until(lambda: len(archive.asked) == 1 and client.get(asked["status_url"]).json()["percent"] == 50)
        for process in (*psutil.Process(worker.pid).children(recursive=True), psutil.Process(worker.pid)):
            process.kill()
        wait_until(lambda: client.get(asked["status_url"]).json()["is_finished"], 60)
        archive.gate.set()

    answer = client.get(asked["results_url"]).json()
    assert {one["name"]: one["state"] for one in answer["sources"]} == {"North": "ok", "Slow": "timeout"}
    assert (answer["total"], answer["is_complete"]) == (1, False)


def test_who_is_not_reached_in_time_is_said_to_be_missing(broker: Broker, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1, "Canary")]) as (slow, archive), dimse_archive([study(2, "Canary")]) as (port, _):
        archive.gate.clear()
        config = federate(dimse("Slow", slow), dimse("North", port), max_concurrent_sources=1, timeout_seconds=3)
        client = client_of("administrator")
        asked = client.get(f"{V1}/spanner/qido/studies?spanner_config_id={config.pk}&async=true").json()
        # By the rows: whoever asks how far it is ends it when the process that does it is late.
        wait_until(lambda: not SourceAnswer.objects.filter(state="").exists(), 60)
        archive.gate.set()

    sources = client.get(asked["status_url"]).json()["sources"]
    assert {one["name"]: one["state"] for one in sources} == {"Slow": "timeout", "North": "timeout"}
    assert sources[1]["error"].startswith("not asked: the others took all of the time")


def test_a_question_that_is_deleted_meanwhile_comes_to_an_end(broker: Broker, dimse: Make, federate: Federate) -> None:
    def delete() -> None:
        wait_until(Query.objects.exists)
        Query.objects.all().delete()
        connection.close()

    with dimse_archive([study(1, "Canary")]) as (port, archive):
        archive.gate.clear()
        config = federate(dimse("North", port, timeout_seconds=1))
        deleting = threading.Thread(target=delete)
        deleting.start()
        found = list(stream(config, ASKED, door="api", asked_by="anna"))
        deleting.join()
        archive.gate.set()

    assert [answer.state for answer in found] == [State.TIMEOUT]


@pytest.mark.parametrize("executor", ["threads", "celery"])
def test_the_supervisor_starts_it_only_where_workers_ask(settings: Settings, executor: str) -> None:
    started = {one.name: one for one in programs(replace(settings.GANTRY, span_executor=executor))}

    assert ("worker-span" in started) == (executor == "celery")
    if executor == "celery":
        assert str(SPAN_THREADS) in started["worker-span"].command
