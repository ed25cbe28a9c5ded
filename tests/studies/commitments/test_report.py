"""Reports reach the device that asked, once, however often the way to it breaks (PS3.4 J.3.3)."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from dicomnet.commitment import ALL_COMMITTED, FAILURES_EXIST, FailureReason, Reference
from dicomnet.remote_nodes import RemoteNode
from dicomnet.tls import server_context
from studies.commitments import report, verify
from studies.commitments.models import Commitment, CommitmentState
from studies.commitments.report import claim_for_association, let_go, report_to, send_again, settle, tell_due
from studies.commitments.verify import verify_due
from studies.spool import Spool
from tests.certificates import authority
from tests.corpus import CT
from tests.modality import modality
from tests.peers import refused_port, silent_port
from tests.studies.commitments.conftest import Ask, Store, reference

pytestmark = pytest.mark.django_db(transaction=True)
MISSING = Reference(CT, "1.2.3.404")


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "WAIT_FOR_OTHERS", timedelta())


def known(port: int, *, ae_title: str = "CT1", host: str = "127.0.0.1") -> RemoteNode:
    return RemoteNode.objects.create(ae_title=ae_title, host=host, port=port)


def due_now() -> None:
    Commitment.objects.update(next_attempt_at=timezone.now())


def only() -> Commitment:
    return Commitment.objects.get()


def test_the_verdict_is_reported_on_a_new_association(store: Store, ask: Ask, spool: Spool) -> None:
    one, two = store(), store()
    commitment = ask(one, two)
    with modality() as device:
        known(device.port)
        verify_due(spool)
        assert report_to("CT1") == 1

    (came,) = device.reports
    assert (came.on, came.event_type) == ("new", ALL_COMMITTED)
    assert came.transaction_uid == commitment.transaction_uid
    assert came.committed == (reference(one), reference(two))
    assert came.failed == {}
    assert only().state == CommitmentState.REPORTED
    assert only().reported_at is not None


def test_a_device_that_speaks_tls_is_called_so(
    store: Store, ask: Ask, spool: Spool, settings: Settings, tmp_path: Path
) -> None:
    ca = authority(tmp_path)
    own, theirs = ca.issue("GANTRY"), ca.issue("CT1", names="")
    ask(store())
    with modality(tls=server_context(theirs.cert, theirs.key, ca.cert)) as device:
        node = known(device.port)
        verify_due(spool)
        for name, trusted, words in [
            ("CT1", tmp_path / "none.pem", "cannot be read"),
            ("", ca.cert, "another address"),
            ("CT1", ca.cert, ""),
        ]:
            settings.GANTRY = replace(settings.GANTRY, tls_cert=own.cert, tls_key=own.key, tls_ca=trusted)
            RemoteNode.objects.filter(pk=node.pk).update(tls=True, tls_server_name=name)
            due_now()
            assert report_to("CT1") == (0 if words else 1)
            assert words in only().last_error
    assert len(device.reports) == 1


def test_failures_are_reported_with_their_reasons_and_the_rest(store: Store, ask: Ask, spool: Spool) -> None:
    one = store()
    ask(one, MISSING)
    with modality() as device:
        known(device.port)
        verify_due(spool)
        report_to("CT1")

    (came,) = device.reports
    assert came.event_type == FAILURES_EXIST
    assert came.committed == (reference(one),)
    assert came.failed == {MISSING: FailureReason.NO_SUCH_INSTANCE}


def test_a_device_that_knows_no_role_selection_is_told_all_the_same(store: Store, ask: Ask, spool: Spool) -> None:
    ask(store())
    with modality(takes_roles=False) as device:
        known(device.port)
        verify_due(spool)
        report_to("CT1")

    assert (only().state, only().attempts) == (CommitmentState.REPORTED, 1)
    assert len(device.reports) == 1


def test_a_device_that_is_down_gets_it_when_it_is_back(ask: Ask, spool: Spool) -> None:
    ask(MISSING)
    node = known(refused_port())
    verify_due(spool)
    for attempt in (1, 2, 3):
        assert report_to("CT1") == 0
        commitment = only()
        assert (commitment.state, commitment.attempts) == (CommitmentState.REPORTING, attempt)
        pause = (commitment.next_attempt_at - timezone.now()).total_seconds()
        assert 0 < pause <= 5 * 2 ** (attempt - 1)
        assert report_to("CT1") == 0  # not before that
        assert only().attempts == attempt
        due_now()
    assert "did not answer" in only().last_error
    with modality() as device:
        RemoteNode.objects.filter(pk=node.pk).update(port=device.port)
        assert report_to("CT1") == 1
    assert len(device.reports) == 1
    assert (only().state, only().last_error) == (CommitmentState.REPORTED, "")


def test_the_pause_grows_to_a_quarter_of_an_hour(ask: Ask, spool: Spool) -> None:
    ask(MISSING)
    verify_due(spool)
    known(refused_port())
    Commitment.objects.update(attempts=40)
    report_to("CT1")
    pause = (only().next_attempt_at - timezone.now()).total_seconds()
    assert 14 * 60 < pause <= 15 * 60


@pytest.mark.parametrize("hours", [71, 73])
def test_it_gives_up_after_three_days_and_says_so(ask: Ask, spool: Spool, hours: int) -> None:
    ask(MISSING)
    verify_due(spool)
    known(refused_port())
    Commitment.objects.update(report_since=timezone.now() - timedelta(hours=hours))
    report_to("CT1")
    assert only().state == (CommitmentState.FAILED if hours > 72 else CommitmentState.REPORTING)


def test_what_was_given_up_can_be_sent_again(ask: Ask, spool: Spool, told: list[str]) -> None:
    ask(MISSING)
    verify_due(spool)
    Commitment.objects.update(state=CommitmentState.FAILED, report_since=timezone.now() - timedelta(hours=100))
    told.clear()
    assert send_again(Commitment.objects.all()) == 1
    assert told == ["CT1"]
    with modality(answers=[0x0110]) as device:
        known(device.port)
        report_to("CT1")
        assert only().state == CommitmentState.REPORTING
        due_now()
        report_to("CT1")
    assert only().state == CommitmentState.REPORTED


def test_a_device_that_refuses_the_report_is_asked_again(ask: Ask, spool: Spool) -> None:
    ask(MISSING)
    verify_due(spool)
    with modality(answers=[0x0112]) as device:
        known(device.port)
        assert report_to("CT1") == 0
        assert "0x0112 No such SOP Instance" in only().last_error
        due_now()
        assert report_to("CT1") == 1
    assert len(device.reports) == 2


def test_a_device_that_accepts_and_says_nothing_holds_nobody_up(
    ask: Ask, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "ACSE_SECONDS", 0.5)
    ask(MISSING)
    verify_due(spool)
    with silent_port() as port:
        known(port)
        assert report_to("CT1") == 0
    assert only().state == CommitmentState.REPORTING


def test_without_an_address_it_waits_and_says_what_to_do(ask: Ask, spool: Spool) -> None:
    ask(MISSING)
    verify_due(spool)
    report_to("CT1")
    assert only().state == CommitmentState.REPORTING
    assert only().last_error == "where CT1 listens is not known: add it to the remote nodes"


def test_of_two_devices_with_one_title_the_one_that_asked_is_told(ask: Ask, spool: Spool) -> None:
    ask(MISSING)
    verify_due(spool)
    with modality() as asked, modality() as other:
        known(other.port, host="localhost")
        known(asked.port)
        report_to("CT1")
    assert (len(asked.reports), len(other.reports)) == (1, 0)


def test_of_two_devices_with_one_title_at_other_addresses_none_is_told(ask: Ask, spool: Spool) -> None:
    ask(MISSING, source_address="10.1.2.3")
    verify_due(spool)
    known(refused_port())
    known(refused_port(), host="localhost")
    report_to("CT1")
    assert "is not known" in only().last_error


def test_many_reports_go_over_one_association(ask: Ask, spool: Spool) -> None:
    wanted = [ask(MISSING).transaction_uid for _ in range(25)]
    while verify_due(spool):
        pass
    with modality() as device:
        known(device.port)
        assert report_to("CT1") == 25
    assert [came.transaction_uid for came in device.reports] == wanted


def test_many_workers_send_a_report_once(ask: Ask, spool: Spool) -> None:
    for _ in range(5):
        ask(MISSING)
    verify_due(spool)
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        try:
            report_to("CT1")
        finally:
            connection.close()

    with modality() as device:
        known(device.port)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    sent = [came.transaction_uid for came in device.reports]
    assert len(sent) == len(set(sent)) == 5
    assert not Commitment.objects.exclude(state=CommitmentState.REPORTED).exists()


def test_a_worker_that_died_while_reporting_is_taken_over(ask: Ask, spool: Spool) -> None:
    ask(MISSING)
    verify_due(spool)
    with modality() as device:
        known(device.port)
        Commitment.objects.update(lease_token="dead", lease_until=timezone.now() + timedelta(seconds=60))
        assert report_to("CT1") == 0
        Commitment.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert report_to("CT1") == 1


def test_a_worker_killed_between_sending_and_recording_reports_again(
    ask: Ask, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(MISSING)
    verify_due(spool)

    def killed(*args: object) -> bool:
        raise KeyboardInterrupt

    with modality() as device:
        known(device.port)
        with monkeypatch.context() as broken:
            broken.setattr(report, "settle", killed)
            with pytest.raises(KeyboardInterrupt):
                report_to("CT1")
        Commitment.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert report_to("CT1") == 1
    assert len({came.transaction_uid for came in device.reports}) == 1
    assert len(device.reports) == 2  # at least once


def test_what_another_took_over_is_not_settled(ask: Ask, spool: Spool) -> None:
    ask(MISSING)
    verify_due(spool)
    (held,) = report._claim("CT1")
    Commitment.objects.update(lease_token="another")
    assert settle(report.report_of(held)) is False
    assert only().state == CommitmentState.REPORTING


def test_while_the_association_is_open_nobody_else_reports(ask: Ask, spool: Spool) -> None:
    ask(MISSING, association="a1")
    verify_due(spool)
    with modality() as device:
        known(device.port)
        assert report_to("CT1") == 0
        Commitment.objects.update(association_until=timezone.now() - timedelta(seconds=1))
        assert report_to("CT1") == 1


def test_the_sweep_finds_what_no_bell_told_of(ask: Ask, spool: Spool, told: list[str]) -> None:
    ask(MISSING)
    ask(MISSING, calling_ae_title="CT2")
    assert tell_due() is True
    verify_due(spool)
    told.clear()
    assert tell_due() is False
    assert told == ["CT1", "CT2"]


def test_a_clock_that_jumped_does_not_put_reports_off(ask: Ask, spool: Spool) -> None:
    ask(MISSING)
    verify_due(spool)
    Commitment.objects.update(next_attempt_at=timezone.now() + timedelta(days=400))
    tell_due()
    assert only().next_attempt_at < timezone.now() + timedelta(minutes=16)


def test_the_association_of_the_request_claims_its_verdicts_and_no_others(ask: Ask, spool: Spool) -> None:
    mine, other = ask(MISSING, association="a1"), ask(MISSING, association="a2")
    assert claim_for_association("a1") is None  # not verified yet
    verify_due(spool)

    claimed = claim_for_association("a1")

    assert claimed is not None
    assert claimed.transaction_uid == mine.transaction_uid
    assert claim_for_association("a1") is None  # it is under way
    settle(claimed)
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.state, other.state) == (CommitmentState.REPORTED, CommitmentState.REPORTING)


def test_an_open_association_keeps_its_hold_by_looking(ask: Ask) -> None:
    ask(MISSING, association="a1")
    Commitment.objects.update(association_until=timezone.now() + timedelta(seconds=1))
    claim_for_association("a1")
    until = only().association_until
    assert until is not None
    assert until > timezone.now() + timedelta(seconds=10)


def test_when_the_association_ends_the_others_take_over_at_once(ask: Ask, spool: Spool, told: list[str]) -> None:
    ask(MISSING, association="a1")
    verify_due(spool)
    told.clear()
    let_go("a1")
    assert told == ["CT1"]
    with modality() as device:
        known(device.port)
        assert report_to("CT1") == 1


def test_what_failed_on_its_association_goes_another_way(ask: Ask, spool: Spool) -> None:
    ask(MISSING, association="a1")
    verify_due(spool)
    claimed = claim_for_association("a1")
    assert claimed is not None
    settle(claimed, "the device did not answer the report")
    assert claim_for_association("a1") is None
    due_now()
    with modality() as device:
        known(device.port)
        assert report_to("CT1") == 1
