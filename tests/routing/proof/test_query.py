"""Asked by C-FIND what they keep, real peers are believed only as far as they show it."""

from pathlib import Path

import pytest
from django.utils import timezone

from dicomnet.lab.pacs_commitment import Commits
from dicomnet.scu.store import StoreAssociation
from gateway.env import Environment
from routing.deliver import drive
from routing.models import Delivery, DeliveryState, Destination, ProofKind, ProofRequest
from routing.outgoing import outgoing
from routing.proof import query, requests
from routing.proof.due import plan_requests
from routing.proof.models import ProofState
from routing.proof.prove import prove
from tests.dicomnet.lab.peers import simulated_pacs
from tests.factories import DestinationFactory, RuleFactory
from tests.modality import wait_until
from tests.peers import peer, refused_port
from tests.routing.proof.conftest import Deliver, Pacs, destination_of, put, states

pytestmark = pytest.mark.django_db(transaction=True)
PENDING, DELIVERED, CONFIRMED = DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.CONFIRMED
# Of 320 instances four are dropped with this seed, and none of those that are sent again.
INSTANCES, SEED = 320, "2"


def ask(destination: Destination) -> ProofRequest:
    plan_requests()
    prove(destination.pk)
    return ProofRequest.objects.filter(destination=destination).order_by("-pk")[0]


def send_all(destination: Destination) -> None:
    """Drive the lane until nothing waits, however slow the machine is."""

    def is_sent() -> bool:
        drive(destination.pk)
        return not Delivery.objects.filter(destination=destination, state=PENDING).exists()

    wait_until(is_sent)


@pytest.mark.parametrize("proof", [ProofKind.QUERY, ProofKind.COMMITMENT])
def test_a_pacs_that_drops_one_percent_is_found_and_repaired_within_one_cycle(
    deliver: Deliver, tmp_path: Path, listening: int, proof: str
) -> None:
    flags = ("--drop-percent", "1", "--seed", SEED, "--gateway-port", str(listening))
    with simulated_pacs(tmp_path / "lab", *flags) as pacs:
        destination = DestinationFactory.create(
            ae_title="LABPACS", port=pacs.port, proof=proof, proof_after_minutes=0, timeout_seconds=30
        )
        deliveries = deliver(destination, INSTANCES, state=PENDING, delivered_at=None)
        uids = {one.instance.sop_instance_uid for one in deliveries}
        send_all(destination)
        assert set(states(deliveries)) == {DELIVERED}
        dropped = uids - {path.stem for path in pacs.folder.glob("*.dcm")}
        assert len(dropped) == 4

        first = ask(destination)
        wait_until(lambda: ProofRequest.objects.filter(pk=first.pk).exclude(answered_at=None).exists())
        first.refresh_from_db()
        assert (first.state, first.proven, first.missing) == (ProofState.GAPS, INSTANCES - 4, 4)
        again = Delivery.objects.filter(state=PENDING).values_list("instance__sop_instance_uid", flat=True)
        assert set(again) == dropped

        send_all(destination)
        assert uids == {path.stem for path in pacs.folder.glob("*.dcm")}
        second = ask(destination)
        wait_until(lambda: ProofRequest.objects.filter(pk=second.pk).exclude(answered_at=None).exists())

    assert set(states(deliveries)) == {CONFIRMED}


def test_what_is_there_is_confirmed_without_storage_commitment(deliver: Deliver, pacs: Pacs) -> None:
    keeping = pacs(commits=Commits.NO)
    destination = destination_of(keeping, ProofKind.QUERY)
    first, second = deliver(destination, 3), deliver(destination, 2)
    put(keeping, [*first, *second[:1]])

    ask(destination)

    assert states(first) == [CONFIRMED] * 3
    assert states(second) == [CONFIRMED, PENDING]
    found = ProofRequest.objects.order_by("pk")
    assert {(one.state, one.kind) for one in found} == {(ProofState.PROVEN, "query"), (ProofState.GAPS, "query")}


@pytest.mark.parametrize("proof", [ProofKind.QUERY, ProofKind.COMMITMENT])
def test_what_a_rule_gave_new_uids_is_asked_for_under_these(
    deliver: Deliver, pacs: Pacs, proof: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.proof.commitment.SAME_ASSOCIATION_SECONDS", 30)
    keeping = pacs(commits=Commits.YES)
    destination = destination_of(keeping, proof)
    deliveries = deliver(destination, 3)
    rule = RuleFactory.create(actions=[{"action": "new_uids"}])
    Delivery.objects.filter(pk__in=[one.pk for one in deliveries[:2]]).update(rule_version=rule.versions.get())
    changed = list(Delivery.objects.filter(rule_version__rule=rule).select_related("instance", "rule_version"))
    with (
        outgoing(changed) as files,
        StoreAssociation(peer(keeping.port, "LABPACS"), [one.context for one in files.ready]) as assoc,
    ):
        assert [assoc.send(one).is_stored for one in files.ready] == [True, True]
    put(keeping, deliveries[2:])
    own = {one.instance.sop_instance_uid for one in deliveries[:2]}
    assert not any(keeping.index.holds(uid) for uid in own)

    assert ask(destination).state == ProofState.PROVEN
    assert states(deliveries) == [CONFIRMED] * 3


def test_a_part_of_a_long_answer_is_not_taken_for_all(
    deliver: Deliver, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = pacs()
    whole = keeping.index.find
    monkeypatch.setattr(keeping.index, "find", lambda identifier: iter(list(whole(identifier))[:2]))
    monkeypatch.setattr(query, "AT_ONCE", 2)
    destination = destination_of(keeping, ProofKind.QUERY)
    deliveries = deliver(destination, 5)
    put(keeping, deliveries)

    assert ask(destination).state == ProofState.PROVEN


def test_where_instances_are_not_told_their_count_in_the_series_is_asked_for(deliver: Deliver, pacs: Pacs) -> None:
    keeping = pacs(levels=("STUDY", "SERIES"))
    destination = destination_of(keeping, ProofKind.QUERY)
    whole, part = deliver(destination, 3), deliver(destination, 3)
    put(keeping, [*whole, *part[:2]])

    ask(destination)

    assert states(whole) == [CONFIRMED] * 3
    assert states(part) == [PENDING] * 3  # which one is missing nobody knows


def test_a_peer_that_tells_nothing_is_given_up_at_last(deliver: Deliver, pacs: Pacs) -> None:
    destination = destination_of(pacs(levels=("STUDY",)), ProofKind.QUERY)
    deliveries = deliver(destination, 1)
    for number in range(requests.MAXIMUM_REFUSALS):
        ProofRequest.objects.update(due_at=timezone.now())
        request = ask(destination)
        assert request.state == (ProofState.DUE if number + 1 < requests.MAXIMUM_REFUSALS else ProofState.FAILED)

    assert "0xA900" in request.last_error
    assert states(deliveries) == [DELIVERED]
    assert plan_requests() == 0


def test_one_that_is_away_holds_up_nobody_else(deliver: Deliver, pacs: Pacs) -> None:
    keeping = pacs()
    away = DestinationFactory.create(port=refused_port(), proof=ProofKind.QUERY, proof_after_minutes=0)
    there = destination_of(keeping, ProofKind.QUERY)
    lost, kept = deliver(away, 1), deliver(there, 1)
    put(keeping, kept)

    plan_requests()
    assert set(requests.waiting_destinations()) == {away.pk, there.pk}
    prove(away.pk)
    prove(there.pk)

    assert states(lost) == [DELIVERED]
    assert states(kept) == [CONFIRMED]
    assert requests.waiting_destinations() == []


def test_a_folder_cannot_be_asked_and_says_so(deliver: Deliver, home: Environment) -> None:
    destination = DestinationFactory.create(kind="folder", path=str(home.home), proof="query", proof_after_minutes=0)
    deliver(destination, 1)

    request = ask(destination)

    assert request.state == ProofState.FAILED
    assert "cannot be asked what it has" in request.last_error
