"""AI nodes as processes of their own, good and bad: what becomes of the request, the result, and the next worker."""

from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.utils import timezone

from gateway.env import Environment
from routing.ai.dispatch import dispatch_all
from routing.ai.health import LONGEST_REST_SECONDS, due_probes, probe
from routing.ai.models import AIRequest, AIResult, AIWorker
from routing.ai.queue import claim, take_back_expired_leases
from routing.models import Delivery
from studies.models import Study
from tests.factories import RuleFactory
from tests.peers import refused_port, storing_peer
from tests.routing.ai.hospital import Hospital, Node, ai_node

pytestmark = (
    pytest.mark.embedded
)  # what nodes do is no matter of the database; the gate and the queue are tested on both
GOOD, BAD = "AI_GOOD", "AI_BAD"


class Nodes:
    """Starts nodes that end with the test."""

    def __init__(self, stack: ExitStack, home: Environment, hospital: Hospital) -> None:
        self._stack, self._home, self._hospital = stack, home, hospital

    def start(self, title: str, *flags: str) -> Node:
        return self._stack.enter_context(ai_node(self._home.home, self._hospital.listener.port, title, *flags))


@pytest.fixture
def nodes(hospital: Hospital, home: Environment) -> "Nodes":  # type: ignore[misc]
    with ExitStack() as stack:
        yield Nodes(stack, home, hospital)


def asked(hospital: Hospital, *workers: Node, timeout_seconds: int = 300, **fields: object) -> tuple[Study, AIRequest]:
    study = hospital.study()
    pool = hospital.pool(*[(node.ae_title, node.port) for node in workers], timeout_seconds=timeout_seconds, **fields)
    return study, hospital.ask(pool, study)


def state(request: AIRequest) -> str:
    request.refresh_from_db()
    return str(request.state)


@pytest.mark.parametrize("kind", ["sr", "sc", "seg-like"])
def test_a_node_takes_a_study_and_its_result_goes_to_the_pacs(hospital: Hospital, nodes: Nodes, kind: str) -> None:
    node = nodes.start(GOOD, "--result", kind, "--delay-ms", "300")
    study, request = asked(hospital, node)

    hospital.until(lambda: state(request) == "answered")

    assert hospital.results() == [("accepted", "")]
    assert len(hospital.delivered_to_pacs()) == 1
    assert AIResult.objects.get().instance.series.study == study
    assert "has a study of 2 instances" in node.end()


# Mode of the first worker, and what its failure is called; the second worker answers.
FAILING = [
    ("crash", [], "did not answer within 2 s"),
    ("silent", [], "did not answer within 2 s"),
    ("garbage", [], "did not answer within 2 s"),
    ("hang", [], "did not answer in time"),
    ("reject", [], "rejected"),
    ("normal", ["--failure-rate", "1"], "0xA700"),
]


@pytest.mark.parametrize(("mode", "flags", "words"), FAILING, ids=str)
def test_a_node_that_fails_is_followed_by_the_next(
    hospital: Hospital, nodes: Nodes, mode: str, flags: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == "hang":
        monkeypatch.setattr("routing.ai.workers.DIMSE_TIMEOUT_SECONDS", 3)
    bad, good = nodes.start(BAD, "--mode", mode, *flags), nodes.start(GOOD)
    _, request = asked(hospital, bad, good, timeout_seconds=2)
    AIWorker.objects.filter(ae_title=GOOD).update(timeout_seconds=300)

    hospital.until(lambda: state(request) == "answered")

    worker = AIWorker.objects.get(ae_title=BAD)
    assert (request.tried, request.worker.ae_title) == ([worker.pk, request.worker_id], GOOD)  # type: ignore[union-attr]
    assert words in worker.last_error
    assert worker.failures_in_a_row == 1
    assert (worker.paused_until is not None) == (mode in {"hang", "reject"})
    assert hospital.results() == [("accepted", "")]


def test_a_node_that_answers_twice_is_believed_once(hospital: Hospital, nodes: Nodes) -> None:
    _, request = asked(hospital, nodes.start(GOOD, "--mode", "twice", "--result", "sc"))

    hospital.until(lambda: AIResult.objects.exclude(verdict="waiting").count() == 2)

    assert [verdict for verdict, _ in hospital.results()] == ["accepted", "duplicate"]
    assert len(hospital.delivered_to_pacs()) == 1
    assert state(request) == "answered"


def test_a_node_that_answers_for_another_patient_is_not_believed(hospital: Hospital, nodes: Nodes) -> None:
    bad, good = nodes.start(BAD, "--mode", "other-patient"), nodes.start(GOOD)
    _, request = asked(hospital, bad, good, timeout_seconds=3)
    AIWorker.objects.filter(ae_title=GOOD).update(timeout_seconds=300)

    hospital.until(lambda: state(request) == "answered")

    assert sorted(hospital.results()) == [
        ("accepted", ""),
        ("quarantined", "It names another patient than the study."),
    ]
    assert len(hospital.delivered_to_pacs()) == 1


def test_an_original_that_comes_back_is_nothing_new(hospital: Hospital, nodes: Nodes) -> None:
    bad, good = nodes.start(BAD, "--mode", "original"), nodes.start(GOOD)
    _, request = asked(hospital, bad, good, timeout_seconds=3)
    AIWorker.objects.filter(ae_title=GOOD).update(timeout_seconds=300)

    hospital.until(lambda: state(request) == "answered")

    assert hospital.results() == [("accepted", "")]
    assert Delivery.objects.count() == 1


def test_a_late_answer_is_accepted_and_the_second_is_not(hospital: Hospital, nodes: Nodes) -> None:
    late, slow = nodes.start(BAD, "--delay-ms", "4000"), nodes.start(GOOD, "--delay-ms", "6000")
    _, request = asked(hospital, late, slow, timeout_seconds=1)
    AIWorker.objects.filter(ae_title=GOOD).update(timeout_seconds=300)

    hospital.until(lambda: AIResult.objects.exclude(verdict="waiting").count() == 2)

    assert [verdict for verdict, _ in hospital.results()] == ["late", "duplicate"]
    assert len(hospital.delivered_to_pacs()) == 1
    assert state(request) == "answered"


def test_no_answer_from_anybody_is_a_failure_in_words(hospital: Hospital, nodes: Nodes) -> None:
    one, two = nodes.start("AI_1", "--mode", "silent"), nodes.start("AI_2", "--mode", "silent")
    _, request = asked(hospital, one, two, timeout_seconds=1, maximum_attempts=2)

    hospital.until(lambda: state(request) == "failed")

    assert request.last_error == "2 attempts. The last: AI_2 did not answer within 1 s."
    assert hospital.delivered_to_pacs() == []


def test_requests_go_to_the_workers_in_turn(hospital: Hospital, nodes: Nodes) -> None:
    workers = [nodes.start(title) for title in ("AI_1", "AI_2", "AI_3")]
    pool = hospital.pool(*[(node.ae_title, node.port) for node in workers])
    requests = [hospital.ask(pool, hospital.study(1)) for _ in range(6)]

    hospital.until(lambda: all(state(request) == "answered" for request in requests))

    titles = [request.worker.ae_title for request in requests if request.worker]
    assert sorted(titles) == sorted(["AI_1", "AI_2", "AI_3"] * 2)


def test_a_node_that_was_away_is_asked_again_once_it_answers_an_echo(hospital: Hospital, nodes: Nodes) -> None:
    study = hospital.study()
    pool = hospital.pool((GOOD, refused_port()))
    request = hospital.ask(pool, study)
    dispatch_all()
    worker = pool.workers.get()
    assert worker.paused_until is not None
    AIRequest.objects.update(next_attempt_at=timezone.now())
    assert claim() is None

    assert due_probes() == []
    AIWorker.objects.update(paused_until=timezone.now())
    assert due_probes() == [worker.pk]
    assert due_probes() == []  # one caller has it
    assert not probe(worker.pk)
    worker.refresh_from_db()
    assert worker.paused_until is not None
    assert worker.paused_until < timezone.now() + timedelta(seconds=LONGEST_REST_SECONDS)

    AIWorker.objects.update(port=nodes.start(GOOD).port)
    assert probe(worker.pk)
    hospital.until(lambda: state(request) == "answered")
    worker.refresh_from_db()
    assert (worker.failures_in_a_row, worker.last_error) == (0, "")
    assert not AIWorker.objects.exclude(paused_until=None).exists()


def test_a_request_whose_sending_process_was_killed_goes_again(hospital: Hospital, nodes: Nodes) -> None:
    _, request = asked(hospital, nodes.start(GOOD))
    assert claim() is not None  # and then the process was gone
    AIRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert take_back_expired_leases() == 1
    AIRequest.objects.update(next_attempt_at=timezone.now())

    hospital.until(lambda: state(request) == "answered")

    assert len(hospital.delivered_to_pacs()) == 1
    assert request.attempts == 2


def test_a_stored_file_that_is_gone_is_not_the_worker_s_fault(hospital: Hospital, nodes: Nodes) -> None:
    _, request = asked(hospital, nodes.start(GOOD))
    instance = request.instances.first()
    assert instance is not None
    from studies.storage import hot_storage

    hot_storage().delete(instance.location)

    dispatch_all()

    assert state(request) == "queued"
    assert request.last_error == "A stored file cannot be read: No such file or directory."
    assert AIWorker.objects.get().failures_in_a_row == 0


def test_no_patient_data_in_the_log(hospital: Hospital, nodes: Nodes, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = nodes.start(BAD, "--mode", "other-patient"), nodes.start(GOOD)
    _, request = asked(hospital, bad, good, timeout_seconds=2)
    AIWorker.objects.filter(ae_title=GOOD).update(timeout_seconds=300)

    with caplog.at_level("DEBUG"):
        hospital.until(lambda: state(request) == "answered")

    assert "ZZCANARY" not in caplog.text
    assert "LAB-OTHER" not in caplog.text


def test_a_worker_gets_what_the_rule_makes_of_the_instances(hospital: Hospital) -> None:
    study = hospital.study(patient_id="ZZCANARYID")
    version = RuleFactory.create(to=[], actions=[{"action": "deidentify", "profile": "basic"}]).versions.get()
    with storing_peer() as peer:
        request = hospital.ask(hospital.pool((GOOD, peer.port)), study, version)
        dispatch_all()

    assert state(request) == "asked", request.last_error
    assert len(peer.received) == 2
    assert b"ZZCANARY" not in b"".join(peer.received.values())
    assert not set(peer.received) & set(request.instances.values_list("sop_instance_uid", flat=True))


def test_what_cannot_be_de_identified_is_not_sent_at_all(hospital: Hospital) -> None:
    study = hospital.study()
    version = RuleFactory.create(to=[]).versions.get()
    version.definition["actions"] = [{"action": "deidentify", "profile": "one that is not known"}]
    version.save()
    with storing_peer() as peer:
        request = hospital.ask(hospital.pool((GOOD, peer.port)), study, version)
        dispatch_all()

    assert state(request) == "queued"
    assert request.last_error.startswith("Nothing was sent: ")
    assert peer.calls == []
    assert AIWorker.objects.get().failures_in_a_row == 0
