"""Verdicts of storage commitment: only what can be read back whole is committed (PS3.3 C.14.1.1)."""

import errno
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.storage import FileSystemStorage
from django.utils import timezone

from dicomnet.commitment import FailureReason, Reference
from dicomnet.services import StoreRequest
from studies.commitments import verify
from studies.commitments.models import Commitment, CommitmentState
from studies.commitments.verify import verify_due
from studies.index import index_spool
from studies.models import Instance
from studies.proof import prove
from studies.spool import Spool
from tests.corpus import CT, EXPLICIT, data_set, element
from tests.studies.commitments.conftest import Ask, Store, flip_a_bit, path_of

pytestmark = pytest.mark.django_db(transaction=True)
MR = "1.2.840.10008.5.1.4.1.1.4"
WORKLIST = "1.2.840.10008.5.1.4.31"


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other host's index is waited for, where a test does not say so."""
    monkeypatch.setattr(verify, "WAIT_FOR_OTHERS", timedelta())


def verdicts(commitment: Commitment) -> list[int | None]:
    """Failure reasons in the order of the request; every item must be checked."""
    commitment.refresh_from_db()
    assert commitment.state == CommitmentState.REPORTING
    assert not commitment.items.filter(is_checked=False).exists()
    found = list(commitment.items.order_by("pk").values_list("failure_reason", flat=True))
    assert commitment.failed_count == len([reason for reason in found if reason is not None])
    return found


def test_what_reads_back_whole_is_committed(store: Store, ask: Ask, spool: Spool, told: list[str]) -> None:
    commitment = ask(store(), store(late=element(0x00990010, "LO", b"LATE")), store())

    assert verify_due(spool) is False

    assert verdicts(commitment) == [None, None, None]
    assert told == ["CT1"]
    assert (commitment.lease_token, commitment.lease_until) == ("", None)


DAMAGE: dict[str, tuple[Callable[[Instance], object], FailureReason]] = {
    "a bit of the data set": (lambda it: flip_a_bit(path_of(it), it.size_bytes - 3), FailureReason.PROCESSING_FAILURE),
    "the first bit of the data set": (
        lambda it: flip_a_bit(path_of(it), it.data_set_offset),
        FailureReason.PROCESSING_FAILURE,
    ),
    "a bit of its UID in group 2": (
        lambda it: flip_a_bit(path_of(it), path_of(it).read_bytes().index(it.sop_instance_uid.encode())),
        FailureReason.PROCESSING_FAILURE,
    ),
    "the prefix": (lambda it: flip_a_bit(path_of(it), 129), FailureReason.PROCESSING_FAILURE),
    "cut off": (lambda it: path_of(it).write_bytes(path_of(it).read_bytes()[:-2]), FailureReason.PROCESSING_FAILURE),
    "longer": (
        lambda it: path_of(it).write_bytes(path_of(it).read_bytes() + b"\0\0"),
        FailureReason.PROCESSING_FAILURE,
    ),
    "empty": (lambda it: path_of(it).write_bytes(b""), FailureReason.PROCESSING_FAILURE),
    "another file in its place": (
        lambda it: path_of(it).write_bytes(path_of(it).read_bytes()[::-1]),
        FailureReason.PROCESSING_FAILURE,
    ),
    "gone": (lambda it: path_of(it).unlink(), FailureReason.NO_SUCH_INSTANCE),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_missing_file_is_never_committed(
    store: Store, ask: Ask, spool: Spool, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    do, reason = DAMAGE[damage]
    good, bad = store(), store()
    do(bad)
    commitment = ask(good, bad)

    with caplog.at_level(logging.ERROR):
        verify_due(spool)

    assert verdicts(commitment) == [None, reason]
    assert "lost or damaged" in caplog.text


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EIO, FailureReason.PROCESSING_FAILURE),
        (errno.EACCES, FailureReason.PROCESSING_FAILURE),
        (errno.EMFILE, FailureReason.RESOURCE_LIMITATION),
        (errno.ENOMEM, FailureReason.RESOURCE_LIMITATION),
    ],
)
def test_a_file_that_cannot_be_read_is_not_committed(
    store: Store, ask: Ask, spool: Spool, number: int, reason: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(number, "no")

    commitment = ask(store())
    monkeypatch.setattr(FileSystemStorage, "_open", fail)

    verify_due(spool)

    assert verdicts(commitment) == [reason]


def test_classes(store: Store, ask: Ask, spool: Spool) -> None:
    instance = store()
    commitment = ask(
        instance,
        Reference(MR, instance.sop_instance_uid),
        Reference(CT, "1.2.3.404"),
        Reference(WORKLIST, "1.2.3.405"),
        Reference("1.3.12.2.1107.5.9.1", "1.2.3.406"),
    )

    verify_due(spool)

    assert verdicts(commitment) == [
        None,
        FailureReason.CLASS_INSTANCE_CONFLICT,
        FailureReason.NO_SUCH_INSTANCE,
        FailureReason.CLASS_NOT_SUPPORTED,
        FailureReason.NO_SUCH_INSTANCE,
    ]


@pytest.mark.parametrize("damaged", [None, 0, 1])
def test_a_uid_with_two_contents_is_committed_when_both_are_whole(
    store: Store, ask: Ask, spool: Spool, damaged: int | None
) -> None:
    first = store()
    second = store(first.sop_instance_uid, late=element(0x00990010, "LO", b"OTHER"), is_primary=False)
    if damaged is not None:
        flip_a_bit(path_of([first, second][damaged]), first.data_set_offset + 40)
    commitment = ask(first)

    verify_due(spool)

    assert verdicts(commitment) == [None if damaged is None else FailureReason.PROCESSING_FAILURE]


def spooled(spool: Spool, uid: str) -> None:
    """An instance that was acknowledged and is not indexed."""
    sink = spool.open(StoreRequest(CT, uid, EXPLICIT, "CT1", "GANTRY", "127.0.0.1"))
    sink.write(data_set(sop_instance_uid=uid.encode()))
    assert sink.commit().status == 0


def test_what_is_still_in_the_spool_is_waited_for(ask: Ask, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studies.events.instances_indexed.receivers", [])
    monkeypatch.setattr(verify, "LOOK_AGAIN", timedelta())
    spooled(spool, "1.2.3.77")
    commitment = ask(Reference(CT, "1.2.3.77"))

    assert verify_due(spool, seconds=0.3) is True
    commitment.refresh_from_db()
    assert commitment.state == CommitmentState.VERIFYING
    index_spool(spool)
    assert verify_due(spool) is False

    assert verdicts(commitment) == [None]


def test_what_came_after_the_request_is_not_waited_for(store: Store, ask: Ask, spool: Spool) -> None:
    commitment = ask(store())
    Commitment.objects.update(requested_at=timezone.now() - timedelta(seconds=2))
    spooled(spool, "1.2.3.78")

    verify_due(spool)

    assert verdicts(commitment) == [None]


def test_the_spool_is_not_waited_for_without_end(ask: Ask, spool: Spool) -> None:
    spooled(spool, "1.2.3.79")
    commitment = ask(Reference(CT, "1.2.3.79"))
    Commitment.objects.update(requested_at=timezone.now() - verify.WAIT_FOR_SPOOL - timedelta(seconds=1))

    verify_due(spool)

    assert verdicts(commitment) == [FailureReason.NO_SUCH_INSTANCE]


def test_an_instance_that_another_host_may_index_is_waited_for_a_while(
    store: Store, ask: Ask, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "WAIT_FOR_OTHERS", timedelta(seconds=60))
    instance = store()
    commitment = ask(instance, Reference(CT, "1.2.3.80"))

    assert verify_due(spool) is True
    commitment.refresh_from_db()
    assert commitment.state == CommitmentState.VERIFYING
    assert commitment.items.filter(is_checked=True).count() == 1
    assert commitment.next_attempt_at > timezone.now() - timedelta(seconds=60)
    Commitment.objects.update(requested_at=timezone.now() - timedelta(seconds=61), next_attempt_at=timezone.now())
    assert verify_due(spool) is False

    assert verdicts(commitment) == [None, FailureReason.NO_SUCH_INSTANCE]


def test_a_verifier_that_died_is_taken_over_after_its_lease(store: Store, ask: Ask, spool: Spool) -> None:
    commitment = ask(store())
    Commitment.objects.update(lease_token="dead", lease_until=timezone.now() + timedelta(seconds=60))
    verify_due(spool)
    commitment.refresh_from_db()
    assert commitment.state == CommitmentState.VERIFYING

    Commitment.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    verify_due(spool)

    assert verdicts(commitment) == [None]


def test_a_verifier_that_died_in_the_middle_repeats_only_the_rest(
    store: Store, ask: Ask, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    instances = [store() for _ in range(6)]
    commitment = ask(*instances)
    monkeypatch.setattr(verify, "BATCH", 2)
    proven: list[int] = []
    real = prove

    def prove_until_killed(instance: Instance) -> None:
        proven.append(instance.pk)
        if len(proven) == 4:
            raise KeyboardInterrupt
        real(instance)

    monkeypatch.setattr(verify, "prove", prove_until_killed)
    with pytest.raises(KeyboardInterrupt):
        verify_due(spool)
    Commitment.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    verify_due(spool)

    assert verdicts(commitment) == [None] * 6
    assert len(proven) == 4 + 4


def test_a_worker_whose_lease_went_to_another_does_not_finish(
    store: Store, ask: Ask, spool: Spool, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    commitment = ask(store())
    real = prove

    def lose_the_lease(instance: Instance) -> None:
        Commitment.objects.update(lease_token="another", lease_until=timezone.now() + timedelta(seconds=60))
        real(instance)

    monkeypatch.setattr(verify, "prove", lose_the_lease)
    verify_due(spool)

    commitment.refresh_from_db()
    assert (commitment.state, commitment.lease_token) == (CommitmentState.VERIFYING, "another")
    assert told == []
