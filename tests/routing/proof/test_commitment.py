"""Storage commitment asked of real peers: what they keep is confirmed, what they lack is sent again."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pydicom.uid import generate_uid

from dicomnet.commitment import EventStatus, Reference, Verdict
from dicomnet.lab.pacs_commitment import Commits
from routing.models import Attempt, Delivery, DeliveryState, Destination, ProofRequest
from routing.proof import requests, settle
from routing.proof.due import plan_requests
from routing.proof.models import ProofState
from routing.proof.prove import prove
from routing.proof.report import take_verdict
from routing.proof.requests import ask_anew_what_was_not_answered, waiting_destinations
from tests.corpus import CT
from tests.factories import DestinationFactory
from tests.modality import wait_until
from tests.peers import refused_port, scripted_peer, storing_peer
from tests.routing.proof.conftest import Deliver, Pacs, destination_of, put, states

pytestmark = pytest.mark.django_db(transaction=True)
PENDING, DELIVERED = DeliveryState.PENDING, DeliveryState.DELIVERED
CONFIRMED, DEAD = DeliveryState.CONFIRMED, DeliveryState.DEAD


def ask(destination: Destination) -> ProofRequest:
    """Plan and ask, as the sweep does; returns the newest request."""
    plan_requests()
    prove(destination.pk)
    return ProofRequest.objects.filter(destination=destination).order_by("-pk")[0]


def answered(request: ProofRequest) -> ProofRequest:
    wait_until(lambda: ProofRequest.objects.filter(pk=request.pk).exclude(answered_at=None).exists())
    request.refresh_from_db()
    return request


def verdict(request: ProofRequest, kept: list[Delivery], failed: list[Delivery], reason: int = 0x0112) -> Verdict:
    return Verdict(
        request.transaction_uid,
        tuple(Reference(CT, one.instance.sop_instance_uid) for one in kept),
        tuple((Reference(CT, one.instance.sop_instance_uid), reason) for one in failed),
    )


@pytest.fixture
def silent(deliver: Deliver, pacs: Pacs) -> tuple[Destination, list[Delivery], ProofRequest]:
    """Three deliveries whose destination took the request and has reported nothing yet."""
    late = pacs(commits=Commits.LATE, report_after_ms=600_000)
    destination = destination_of(late)
    deliveries = deliver(destination, 3)
    return destination, deliveries, ask(destination)


def test_a_report_on_the_same_association_confirms(
    deliver: Deliver, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.proof.commitment.SAME_ASSOCIATION_SECONDS", 30)
    keeping = pacs(commits=Commits.SAME)
    destination = destination_of(keeping)
    deliveries = deliver(destination, 3)
    put(keeping, deliveries)

    request = ask(destination)

    assert states(deliveries) == [CONFIRMED] * 3
    assert (request.state, request.expected, request.proven, request.missing) == (ProofState.PROVEN, 3, 3, 0)
    assert {one.proof_checked_at for one in Delivery.objects.all()} == {request.asked_at}


@pytest.mark.parametrize("commits", [Commits.NEW, Commits.LATE])
def test_a_report_on_a_new_association_confirms(deliver: Deliver, pacs: Pacs, listening: int, commits: Commits) -> None:
    keeping = pacs(commits=commits, report_after_ms=1000, gateway=("127.0.0.1", listening))
    destination = destination_of(keeping)
    deliveries = deliver(destination, 2)
    put(keeping, deliveries)

    assert answered(ask(destination)).state == ProofState.PROVEN
    assert states(deliveries) == [CONFIRMED] * 2


def test_what_it_lacks_is_sent_again_with_words(
    deliver: Deliver, pacs: Pacs, rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.proof.commitment.SAME_ASSOCIATION_SECONDS", 30)
    keeping = pacs(commits=Commits.YES)
    destination = destination_of(keeping)
    deliveries = deliver(destination, 3)
    put(keeping, deliveries[:2])

    request = ask(destination)

    assert states(deliveries) == [CONFIRMED, CONFIRMED, PENDING]
    assert (request.state, request.proven, request.missing) == (ProofState.GAPS, 2, 1)
    again = Delivery.objects.get(pk=deliveries[2].pk)
    assert again.last_error == "Taken, but not kept: 0x0112 No such SOP Instance. It is sent again."
    assert (again.delivered_at, again.attempts) == (None, 0)
    assert Attempt.objects.get().delivery == again
    assert rung == [destination.pk]

    # Delivered anew, it alone is asked about.
    put(keeping, deliveries[2:])
    Delivery.objects.filter(pk=again.pk).update(state=DELIVERED, delivered_at=timezone.now() - timedelta(seconds=1))
    request = ask(destination)
    assert (request.state, request.proven) == (ProofState.PROVEN, 1)
    assert states(deliveries) == [CONFIRMED] * 3


def test_only_what_the_report_names_is_confirmed(silent: tuple[Destination, list[Delivery], ProofRequest]) -> None:
    _, deliveries, request = silent

    assert take_verdict(verdict(request, deliveries[:1], deliveries[1:2])).status == EventStatus.SUCCESS

    assert states(deliveries) == [CONFIRMED, PENDING, PENDING]
    assert "not among what the destination has" in Delivery.objects.get(pk=deliveries[2].pk).last_error


def test_an_instance_that_is_not_delivered_any_more_is_not_confirmed(
    silent: tuple[Destination, list[Delivery], ProofRequest],
) -> None:
    _, deliveries, request = silent
    Delivery.objects.filter(pk=deliveries[0].pk).update(state=PENDING, delivered_at=None)
    Delivery.objects.filter(pk=deliveries[1].pk).update(delivered_at=timezone.now() + timedelta(seconds=1))

    take_verdict(verdict(request, deliveries, []))

    assert states(deliveries) == [PENDING, DELIVERED, CONFIRMED]


def test_the_same_report_again_is_taken_and_changes_nothing(
    silent: tuple[Destination, list[Delivery], ProofRequest],
) -> None:
    _, deliveries, request = silent
    take_verdict(verdict(request, deliveries, []))

    assert take_verdict(verdict(request, [], deliveries)).status == EventStatus.SUCCESS
    assert states(deliveries) == [CONFIRMED] * 3


def test_an_unknown_transaction_is_an_invalid_argument(listening: int) -> None:
    assert take_verdict(Verdict(str(generate_uid()), (), ())).status == EventStatus.INVALID_ARGUMENT


def test_no_report_is_asked_for_again_and_fails_at_last(
    silent: tuple[Destination, list[Delivery], ProofRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    destination, deliveries, request = silent
    assert request.state == ProofState.ASKED
    assert ask_anew_what_was_not_answered() == 0

    for _ in range(requests.MAXIMUM_UNANSWERED):
        ProofRequest.objects.filter(state=ProofState.ASKED).update(due_at=timezone.now())
        assert ask_anew_what_was_not_answered() == 1
        prove(destination.pk)

    found = list(ProofRequest.objects.order_by("pk"))
    assert [one.state for one in found] == [ProofState.FAILED] * requests.MAXIMUM_UNANSWERED
    assert len({one.transaction_uid for one in found}) == requests.MAXIMUM_UNANSWERED
    assert "reported nothing" in found[-1].last_error
    assert states(deliveries) == [DELIVERED] * 3
    assert plan_requests() == 0

    # The very first report comes after all.
    take_verdict(verdict(found[0], deliveries, []))
    assert states(deliveries) == [CONFIRMED] * 3
    assert ProofRequest.objects.get(pk=found[0].pk).state == ProofState.PROVEN


def test_a_peer_without_the_service_is_said_to_be_so(deliver: Deliver) -> None:
    with storing_peer() as storing:
        destination = DestinationFactory.create(ae_title="PEER", port=storing.port, proof="commitment")
        destination.proof_after_minutes = 0
        destination.save()
        deliveries = deliver(destination, 2)
        request = ask(destination)

    assert request.state == ProofState.FAILED
    assert "offers no Storage Commitment" in request.last_error
    assert states(deliveries) == [DELIVERED] * 2
    assert plan_requests() == 0


def test_a_peer_that_is_away_is_asked_later_without_end(deliver: Deliver) -> None:
    destination = DestinationFactory.create(port=refused_port(), proof="commitment", proof_after_minutes=0)
    deliver(destination, 1)
    deliver(destination, 1)
    for _ in range(20):
        ProofRequest.objects.update(due_at=timezone.now())
        request = ask(destination)
        assert request.state == ProofState.DUE
    assert request.lease_token == ""
    assert timedelta(minutes=50) < request.due_at - timezone.now() <= requests.LONGEST_BACK_OFF
    assert "nobody listens there" in request.last_error
    assert waiting_destinations() == []


@pytest.mark.parametrize(("status", "state"), [(0x0110, ProofState.DUE), (0x0123, ProofState.FAILED)])
def test_a_refused_request_is_said_in_words(deliver: Deliver, status: int, state: str) -> None:
    from tests.peers import command_set, p_data

    def refuse(connection: Any, context_id: int, command: dict[int, bytes]) -> None:
        response = {
            0x0100: b"\x30\x81",
            0x0120: command[0x0110],
            0x0800: b"\x01\x01",
            0x0900: status.to_bytes(2, "little"),
        }
        connection.sendall(p_data((context_id, 3, command_set(response))))

    with scripted_peer(refuse) as port:
        destination = DestinationFactory.create(port=port, proof="commitment", proof_after_minutes=0)
        deliveries = deliver(destination, 1)
        request = ask(destination)

    assert request.state == state
    assert f"answered the request with 0x{status:04X}" in request.last_error
    assert states(deliveries) == [DELIVERED]


def test_gaps_without_end_become_failed_deliveries(
    silent: tuple[Destination, list[Delivery], ProofRequest],
) -> None:
    destination, deliveries, request = silent
    for number in range(settle.MAXIMUM_ROUNDS):
        take_verdict(verdict(request, deliveries[1:] if number == 0 else [], deliveries[:1]))
        if number + 1 < settle.MAXIMUM_ROUNDS:
            assert states(deliveries[:1]) == [PENDING]
            Delivery.objects.filter(pk=deliveries[0].pk).update(
                state=DELIVERED, delivered_at=timezone.now() - timedelta(seconds=1)
            )
            request = ask(destination)

    assert states(deliveries) == [DEAD, CONFIRMED, CONFIRMED]
    request.refresh_from_db()
    assert request.state == ProofState.FAILED
    assert "Given up" in Delivery.objects.get(pk=deliveries[0].pk).last_error


def test_a_lost_worker_costs_its_lease_only(deliver: Deliver, pacs: Pacs) -> None:
    destination = destination_of(pacs(commits=Commits.LATE, report_after_ms=600_000))
    deliver(destination, 1)
    plan_requests()
    (held,) = requests.claim(destination, limit=5)
    requests.begin(held, transaction_uid=str(generate_uid()))

    assert requests.claim(destination, limit=5) == []
    assert waiting_destinations() == []
    ProofRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert waiting_destinations() == [destination.pk]
    prove(destination.pk)

    request = ProofRequest.objects.get()
    assert (request.state, request.attempts) == (ProofState.ASKED, 2)
    assert request.transaction_uid != held.transaction_uid
    requests.wait_for_report(held)  # the first worker comes back, and its token is not good any more
    assert ProofRequest.objects.get().due_at == request.due_at
