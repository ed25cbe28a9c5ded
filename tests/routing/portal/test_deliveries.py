import pytest
from django.test import Client

from routing.models import Delivery, DeliveryState
from tests.factories import DeliveryFactory, DestinationFactory


def shown(client: Client, query: str) -> set[Delivery]:
    return set(client.get(f"/deliveries/?{query}").context["deliveries"])


def test_tabs_and_their_counts(viewer: Client) -> None:
    waiting = DeliveryFactory.create()
    failed = DeliveryFactory.create(has_failed=True)
    delivered = DeliveryFactory.create(is_delivered=True)

    assert shown(viewer, "") == {waiting}
    assert shown(viewer, "tab=failed") == {failed}
    assert shown(viewer, "tab=delivered") == {delivered}
    assert shown(viewer, "tab=nonsense") == {waiting}
    tabs = {tab["name"]: tab["count"] for tab in viewer.get("/deliveries/").context["tabs"]}
    assert tabs == {"waiting": 1, "sending": 0, "delivered": 1, "failed": 1, "cancelled": 0, "all": 3}


def test_filters_of_the_address(viewer: Client) -> None:
    one, other = DeliveryFactory.create_batch(2)

    assert shown(viewer, f"destination={one.destination_id}") == {one}
    assert shown(viewer, f"study={other.instance.series.study}") == {other}
    assert shown(viewer, f"patient_id={one.instance.series.study.patient_id.lower()}") == {one}
    assert shown(viewer, "destination=999") == {one, other}


def test_status_is_shown_in_hexadecimal_and_in_words(viewer: Client) -> None:
    DeliveryFactory.create(has_failed=True)

    assert "0xA700 Out of resources" in viewer.get("/deliveries/?tab=failed").content.decode()


@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_acting_needs_an_operator_and_a_post(action: str, viewer: Client, operator: Client) -> None:
    delivery = DeliveryFactory.create(has_failed=True)

    assert viewer.post(f"/deliveries/{action}/", {"delivery": delivery.pk}).status_code == 403
    assert operator.get(f"/deliveries/{action}/").status_code == 405
    assert Delivery.objects.get().state == DeliveryState.DEAD


def test_retry_of_the_chosen_ones(operator: Client) -> None:
    chosen, left = DeliveryFactory.create_batch(2, has_failed=True)

    answer = operator.post("/deliveries/retry/", {"delivery": [chosen.pk], "tab": "failed"}, follow=True)

    assert "1 delivery will be tried now." in answer.content.decode()
    assert set(Delivery.objects.filter(state=DeliveryState.PENDING)) == {chosen}
    assert answer.redirect_chain[0][0] == "/deliveries/?tab=failed"
    assert left.state == DeliveryState.DEAD


def test_button_of_a_row_means_that_row_only(operator: Client) -> None:
    ticked, meant = DeliveryFactory.create_batch(2, has_failed=True)

    operator.post("/deliveries/retry/", {"delivery": [ticked.pk], "only": meant.pk})

    assert set(Delivery.objects.filter(state=DeliveryState.PENDING)) == {meant}


def test_retry_of_all_keeps_to_the_filters(operator: Client) -> None:
    here, there = DestinationFactory.create_batch(2)
    DeliveryFactory.create_batch(3, has_failed=True, destination=here)
    DeliveryFactory.create_batch(2, has_failed=True, destination=there)
    DeliveryFactory.create(is_delivered=True, destination=here)

    operator.post("/deliveries/retry/", {"all": "1", "tab": "failed", "destination": here.pk})

    assert Delivery.objects.filter(state=DeliveryState.PENDING, destination=here).count() == 3
    assert Delivery.objects.filter(state=DeliveryState.DEAD, destination=there).count() == 2
    assert Delivery.objects.filter(state=DeliveryState.DELIVERED).count() == 1


def test_cancel_of_the_chosen_ones(operator: Client) -> None:
    delivery = DeliveryFactory.create()

    operator.post("/deliveries/cancel/", {"only": delivery.pk})

    assert Delivery.objects.get().state == DeliveryState.CANCELLED


def test_page_that_is_gone_is_the_last_one(operator: Client) -> None:
    DeliveryFactory.create(has_failed=True)

    assert len(operator.get("/deliveries/?tab=failed&page=9").context["deliveries"]) == 1


def test_nothing_chosen_says_so(operator: Client) -> None:
    answer = operator.post("/deliveries/retry/", {"delivery": ["x"]}, follow=True)

    assert "Nothing was left to retry." in answer.content.decode()
