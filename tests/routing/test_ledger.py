"""The books add up, and say so when they do not."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from routing.ledger import accounts, contradictions, intake
from routing.models import Delivery, DeliveryState, Destination, Discard
from tests.factories import DeliveryFactory, DestinationFactory, InstanceFactory, version_of_a_new_rule

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(rung: list[int]) -> None:
    """Nobody drives the lanes."""


def one_of_each(destination: Destination) -> None:
    version = version_of_a_new_rule()
    for columns in (
        {},
        {"is_sending": True},
        {"is_delivered": True},
        {"is_delivered": True, "state": DeliveryState.CONFIRMED},
        {"has_failed": True},
        {"state": DeliveryState.CANCELLED},
    ):
        DeliveryFactory.create(destination=destination, rule_version=version, **columns)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_every_state_is_on_one_side_of_the_books(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for name in ("a", "b"):
        one_of_each(DestinationFactory.create(name=name))
    with django_assert_num_queries(1):
        books = accounts()
    for account in books:
        assert (account.acknowledged, account.delivered, account.pending, account.dead, account.cancelled) == (
            6,
            2,
            2,
            1,
            1,
        )
        assert account.is_balanced


def test_every_state_there_is_has_its_side() -> None:
    destination, version = DestinationFactory.create(), version_of_a_new_rule()
    for state in DeliveryState:
        DeliveryFactory.create(destination=destination, rule_version=version, is_sending=True, state=state)
    (account,) = accounts()
    assert account.is_balanced


def test_a_state_that_nobody_knows_does_not_add_up() -> None:
    DeliveryFactory.create(state="lost")
    (account,) = accounts()
    assert not account.is_balanced
    with pytest.raises(CommandError, match="do not add up"):
        run("verifyledger")


def test_every_instance_is_routed_discarded_unmatched_or_unplanned(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    now, version = timezone.now(), version_of_a_new_rule()
    routed = InstanceFactory.create(planned_at=now)
    for _ in range(2):
        DeliveryFactory.create(instance=routed)
    for planned_at in (None, None, None, now, now):
        InstanceFactory.create(planned_at=planned_at)
    discarded = InstanceFactory.create(planned_at=now)
    Discard.objects.create(instance=discarded, rule_version=version, reason="a scout")
    with django_assert_num_queries(1):
        found = intake()
    assert (found.acknowledged, found.routed, found.discarded, found.unmatched, found.unplanned) == (7, 1, 1, 2, 3)
    assert found.is_balanced


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "delivered", "delivered_at": None},
        {"state": "delivered", "delivered_at": timezone.now(), "last_status": 0xA700},
        {"state": "dead", "last_error": "", "last_status": None},
        {"state": "sending", "lease_token": "x", "lease_until": timezone.now() - timedelta(hours=1)},
        {"state": "pending", "lease_token": "x"},
    ],
)
def test_what_cannot_be_is_named(columns: dict[str, Any]) -> None:
    one_of_each(DestinationFactory.create())
    assert not any(found.exists() for found in contradictions().values())
    delivery = DeliveryFactory.create()
    Delivery.objects.filter(pk=delivery.pk).update(**columns)
    assert [list(found) for found in contradictions().values() if found] == [[delivery]]
    with pytest.raises(CommandError, match=f"deliveries {delivery.pk}"):
        run("verifyledger")


def test_the_command_shows_the_books() -> None:
    one_of_each(DestinationFactory.create(name="Archive"))
    shown = run("verifyledger")
    assert "Archive" in shown
    assert "The books add up." in shown


def test_reset_makes_due_what_waits_and_ends_the_pauses() -> None:
    later = timezone.now() + timedelta(minutes=10)
    destination = DestinationFactory.create(name="Archive", paused_until=later)
    one_of_each(destination)
    Delivery.objects.filter(state="pending").update(next_attempt_at=later)
    other = DeliveryFactory.create(next_attempt_at=later)
    assert "1 deliveries are made due at once" in run("resetqueue", "--destination", "Archive", "--yes")
    assert Delivery.objects.get(destination=destination, state="pending").next_attempt_at <= timezone.now()
    assert Destination.objects.get(pk=destination.pk).paused_until is None
    other.refresh_from_db()
    assert other.next_attempt_at == later
    assert Delivery.objects.filter(state="dead").count() == 1


def test_reset_cancels_and_never_deletes() -> None:
    one_of_each(DestinationFactory.create())
    run("resetqueue", "--cancel", "--failed", "--yes")
    assert Delivery.objects.count() == 6
    assert Delivery.objects.filter(state="cancelled").count() == 3
    assert "Nothing waits" in run("resetqueue", "--cancel", "--failed", "--yes")


@pytest.mark.parametrize("answer", ["", "n", "no", "what?"])
def test_reset_asks_first(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = DeliveryFactory.create()
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr("builtins.input", reply)
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("resetqueue", "--cancel")
    assert "1 deliveries will be cancelled" in asked[0]
    delivery.refresh_from_db()
    assert delivery.state == "pending"
    monkeypatch.setattr("builtins.input", lambda _: "y")
    run("resetqueue", "--cancel", "--study", delivery.instance.series.study.study_instance_uid)
    delivery.refresh_from_db()
    assert delivery.state == "cancelled"


def test_reset_without_a_terminal_says_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    DeliveryFactory.create()

    def nobody(question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(CommandError, match="--yes"):
        run("resetqueue")
    with pytest.raises(CommandError, match="No destination is called Nowhere"):
        run("resetqueue", "--destination", "Nowhere")
