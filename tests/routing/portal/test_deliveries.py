import pytest
from django.test import Client

from routing.models import Attempt, Delivery, DeliveryState
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


def test_filters_by_priority_ae_title_and_words_of_the_error(viewer: Client) -> None:
    one = DeliveryFactory.create(calling_ae_title="CT_ROOM9", priority=1, last_error="nobody listens there")
    other = DeliveryFactory.create()

    for query in ("priority=1", "ae_title=CT_ROOM9", f"ae_title={one.destination.ae_title}", "error=listens"):
        assert shown(viewer, query) == {one}, query
    assert shown(viewer, "priority=nonsense") == {one, other}


def test_failures_are_grouped_by_reason(viewer: Client) -> None:
    destination = DestinationFactory.create()
    DeliveryFactory.create_batch(3, destination=destination, has_failed=True)
    DeliveryFactory.create(has_failed=True, last_error="0xA900 Data set does not match SOP Class")

    answer = viewer.get("/deliveries/?tab=failed")

    assert [reason.count for reason in answer.context["reasons"]] == [3, 1]
    link = f"?tab=failed&amp;destination={destination.pk}&amp;error=the+peer+answered+0xA700+Out+of+resources"
    assert link in answer.content.decode()
    assert len(shown(viewer, link.replace("&amp;", "&").lstrip("?"))) == 3


def test_all_of_one_reason_are_retried_together(operator: Client) -> None:
    DeliveryFactory.create_batch(3, has_failed=True)
    other = DeliveryFactory.create(has_failed=True, last_error="0xA900 Data set does not match SOP Class")

    operator.post("/deliveries/retry/", {"all": "1", "tab": "failed", "error": "0xA700"})

    assert set(Delivery.objects.filter(state=DeliveryState.DEAD)) == {other}


def test_a_warning_is_shown(viewer: Client) -> None:
    delivery = DeliveryFactory.create(is_delivered=True, last_status=0xB000)

    assert "0xB000 Warning: coercion of data elements" in viewer.get("/deliveries/?tab=delivered").content.decode()
    assert "Delivered with a warning" in viewer.get(f"/deliveries/{delivery.pk}/").content.decode()


def test_one_delivery_with_all_that_was_tried(operator: Client) -> None:
    delivery = DeliveryFactory.create(has_failed=True, association="a1b2c3", sent_bytes=526_000)
    Attempt.objects.create(delivery=delivery, status=0xA700, error="no room", association="d4e5f6")

    html = operator.get(f"/deliveries/{delivery.pk}/").content.decode()

    study = delivery.instance.series.study
    for words in (
        "0xA700 Out of resources",
        "no room",
        "d4e5f6",
        "a1b2c3",
        "526",
        "version 1",
        study.study_instance_uid,
    ):
        assert words in html, words
    answer = operator.post("/deliveries/retry/", {"only": delivery.pk, "detail": "1"})
    assert answer.headers["Location"] == f"/deliveries/{delivery.pk}/"
    assert Delivery.objects.get().state == DeliveryState.PENDING
    assert operator.get("/deliveries/999/").status_code == 404
