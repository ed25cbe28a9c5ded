"""A request is taken only when it is in rows; what a Transaction UID means when it comes again (PS3.4 J.3.2)."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from dicomnet.commitment import ActionStatus, CommitmentRequest, FailureReason, Reference
from studies.commitments import accept as accepting
from studies.commitments.accept import accept
from studies.commitments.models import Commitment, CommitmentItem, CommitmentState
from tests.corpus import CT
from tests.studies.commitments.conftest import Ask

pytestmark = pytest.mark.django_db(transaction=True)
ONE, TWO = Reference(CT, "1.2.3.1"), Reference(CT, "1.2.3.2")


def request(*references: Reference, **other: Any) -> CommitmentRequest:
    return CommitmentRequest(
        **{
            "transaction_uid": "1.2.9",
            "references": references or (ONE, TWO),
            "calling_ae_title": "CT1",
            "called_ae_title": "GANTRY",
            "source_address": "10.1.2.3",
        }
        | other
    )


def test_a_request_is_in_rows_before_it_is_answered() -> None:
    answer = accept(request())

    assert answer.status == ActionStatus.SUCCESS
    commitment = Commitment.objects.get()
    assert (commitment.state, commitment.instance_count) == (CommitmentState.VERIFYING, 2)
    assert list(commitment.items.values_list("sop_class_uid", "sop_instance_uid", "is_checked")) == [
        (CT, "1.2.3.1", False),
        (CT, "1.2.3.2", False),
    ]


@pytest.mark.parametrize("step", ["create", "bulk_create"])
def test_a_database_that_fails_is_a_failure_and_leaves_nothing(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as broken:
        model = Commitment if step == "create" else CommitmentItem
        broken.setattr(model.objects, step, fail)
        answer = accept(request())

    assert answer.status == ActionStatus.PROCESSING_FAILURE
    assert not Commitment.objects.exists()


@pytest.mark.parametrize(
    "other",
    [
        {"transaction_uid": "x"},
        {"transaction_uid": "1." + "2" * 64},
        {"references": (Reference(CT, "../x"),)},
        {"references": (ONE, Reference("", "1.2"))},
    ],
)
def test_what_is_no_uid_is_an_invalid_argument(other: dict[str, Any]) -> None:
    assert accept(request(**other)).status == ActionStatus.INVALID_ARGUMENT
    assert not Commitment.objects.exists()


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "MAXIMUM_REFERENCES", 1)
    assert accept(request()).status == ActionStatus.RESOURCE_LIMITATION
    monkeypatch.setattr(accepting, "MAXIMUM_OPEN_REQUESTS", 1)
    assert accept(request(ONE)).status == ActionStatus.SUCCESS
    assert accept(request(ONE, transaction_uid="1.2.10")).status == ActionStatus.RESOURCE_LIMITATION
    assert accept(request(ONE, calling_ae_title="CT2")).status == ActionStatus.SUCCESS
    assert Commitment.objects.count() == 2


def test_the_same_request_again_is_one_transaction() -> None:
    accept(request(ONE, TWO))
    accept(request(TWO, ONE))

    assert Commitment.objects.count() == 1
    assert CommitmentItem.objects.count() == 2


@pytest.mark.parametrize("state", [CommitmentState.REPORTED, CommitmentState.FAILED])
def test_a_device_that_has_not_heard_asks_again_and_is_verified_anew(ask: Ask, state: CommitmentState) -> None:
    commitment = ask(ONE, TWO, transaction_uid="1.2.9")
    commitment.items.update(is_checked=True, failure_reason=FailureReason.NO_SUCH_INSTANCE)
    Commitment.objects.update(
        state=state, attempts=9, failed_count=2, reported_at=timezone.now(), verified_at=timezone.now()
    )

    assert accept(request(ONE, TWO)).status == ActionStatus.SUCCESS

    commitment.refresh_from_db()
    assert (commitment.state, commitment.attempts, commitment.failed_count) == (CommitmentState.VERIFYING, 0, None)
    assert (commitment.verified_at, commitment.reported_at) == (None, None)
    assert not commitment.items.filter(is_checked=True).exists()


def test_a_device_that_asks_again_while_the_report_waits_gets_it_at_once(ask: Ask) -> None:
    ask(ONE, TWO, transaction_uid="1.2.9")
    later = timezone.now() + timedelta(minutes=10)
    Commitment.objects.update(state=CommitmentState.REPORTING, next_attempt_at=later, verified_at=timezone.now())

    accept(request(ONE, TWO))

    commitment = Commitment.objects.get()
    assert commitment.state == CommitmentState.REPORTING
    assert commitment.next_attempt_at <= timezone.now()


def test_a_transaction_uid_in_use_for_other_instances_is_a_duplicate(ask: Ask) -> None:
    first = ask(ONE, transaction_uid="1.2.9")

    for _ in range(2):
        assert accept(request(ONE, TWO)).status == ActionStatus.SUCCESS

    duplicates = Commitment.objects.exclude(pk=first.pk)
    assert [(row.is_duplicate, row.state, row.failed_count) for row in duplicates] == [
        (True, CommitmentState.REPORTING, 2)
    ] * 2
    reasons = CommitmentItem.objects.filter(commitment__in=duplicates).values_list("failure_reason", flat=True)
    assert set(reasons) == {FailureReason.DUPLICATE_TRANSACTION}
    first.refresh_from_db()
    assert first.state == CommitmentState.VERIFYING


def test_two_devices_may_use_one_transaction_uid(ask: Ask) -> None:
    ask(ONE, transaction_uid="1.2.9")
    ask(TWO, transaction_uid="1.2.9", calling_ae_title="CT2")

    assert not Commitment.objects.filter(is_duplicate=True).exists()


def test_one_request_that_comes_at_once_on_many_associations_is_one_transaction() -> None:
    barrier = threading.Barrier(6)
    statuses: list[int] = []

    def ask_once() -> None:
        barrier.wait()
        try:
            statuses.append(accept(request()).status)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask_once) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [ActionStatus.SUCCESS] * 6
    assert Commitment.objects.count() == 1
    assert CommitmentItem.objects.count() == 2
