"""What people decide on quarantined results."""

import pytest

from routing.ai.models import AIResult
from routing.ai.release import GoesNowhere, NotHeldBack, keep, release
from routing.models import Delivery
from tests.factories import AIRequestFactory, AIResultFactory, DestinationFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung")]


def quarantined(**fields: object) -> AIResult:
    result: AIResult = AIResultFactory.create(**fields)
    assert result.worker is not None
    result.worker.pool.result_destinations.add(DestinationFactory.create(), DestinationFactory.create())
    return result


@pytest.mark.parametrize("verdict", ["quarantined", "duplicate", "kept"])
def test_a_released_result_goes_to_the_destinations_in_the_name_of_who_did_it(verdict: str) -> None:
    result = quarantined(verdict=verdict)

    assert release(result, by="anna") == 2

    result.refresh_from_db()
    assert (result.verdict, result.released_by) == ("released", "anna")
    deliveries = Delivery.objects.filter(instance=result.instance)
    assert {(delivery.rule_version, delivery.made_by) for delivery in deliveries} == {(None, "anna")}


def test_it_is_released_once() -> None:
    result = quarantined()
    release(result, by="anna")

    with pytest.raises(NotHeldBack, match="Released by a person"):
        release(result, by="bert")
    assert Delivery.objects.count() == 2


@pytest.mark.parametrize("verdict", ["accepted", "late", "waiting"])
def test_what_is_not_held_back_needs_no_decision(verdict: str) -> None:
    result = quarantined(verdict=verdict)

    with pytest.raises(NotHeldBack):
        release(result, by="anna")
    with pytest.raises(NotHeldBack):
        keep(result, by="anna")
    assert not Delivery.objects.exists()


def test_without_a_destination_nothing_is_released() -> None:
    result = AIResultFactory.create()

    with pytest.raises(GoesNowhere, match="has no result destination"):
        release(result, by="anna")
    result.refresh_from_db()
    assert result.verdict == "quarantined"


def test_a_result_whose_worker_is_deleted_goes_where_its_request_says() -> None:
    result = quarantined()
    assert result.worker is not None
    pool, worker = result.worker.pool, result.worker
    other = AIResultFactory.create(worker=worker)
    AIResult.objects.filter(pk=result.pk).update(request=AIRequestFactory.create(pool=pool))
    worker.delete()

    assert release(result, by="anna") == 2
    with pytest.raises(GoesNowhere, match="Its worker was deleted"):
        release(other, by="anna")


def test_a_kept_result_stays_where_it_is() -> None:
    result = quarantined()

    keep(result, by="anna")

    result.refresh_from_db()
    assert (result.verdict, result.released_by) == ("kept", "anna")
    assert not Delivery.objects.exists()
