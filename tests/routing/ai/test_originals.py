"""Originals first: what holds a request to an AI worker back, and for how long."""

from datetime import timedelta

import pytest
from django.utils import timezone

from routing.ai.models import AIPool, AIRequest, AIWorker
from routing.ai.queue import claim, is_held_back, is_more_due
from routing.ai.requests import request
from routing.lanes import lane
from routing.models import Priority
from studies.models import Instance
from tests.factories import DestinationFactory, InstanceFactory, version_of_a_new_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung_for_ai", "rung")]


@pytest.fixture(autouse=True)
def asked(db: None) -> AIRequest:
    """A request that some worker is free for, about an instance that is planned."""
    pool = AIPool.objects.create(name="Lungs")
    AIWorker.objects.create(pool=pool, name="Lungs 1", ae_title="AI", host="127.0.0.1")
    instance = InstanceFactory.create(planned_at=timezone.now())
    instances_of = {instance.series.study_id: [instance.pk]}
    (made,) = request(pool, version=version_of_a_new_rule(), instances_of=instances_of, priority=Priority.ROUTINE)
    return made


def is_sent() -> bool:
    assert is_held_back() is not is_more_due()
    return claim() is not None


def test_nothing_holds_it_back_when_no_original_is_on_its_way() -> None:
    assert is_sent()


def test_a_lane_that_is_driven_holds_it_back() -> None:
    with lane(DestinationFactory.create().pk):
        assert not is_sent()
    assert is_sent()


def test_an_instance_that_the_rules_have_not_seen_holds_it_back() -> None:
    InstanceFactory.create()
    assert not is_sent()
    Instance.objects.update(planned_at=timezone.now())
    assert is_sent()


def test_an_instance_that_is_never_planned_holds_nothing_back_after_a_while() -> None:
    InstanceFactory.create(received_at=timezone.now() - timedelta(seconds=31))
    assert is_sent()


@pytest.mark.parametrize(
    "fields", [{"priority": Priority.STAT}, {"created_at": timezone.now() - timedelta(seconds=31)}]
)
def test_what_is_urgent_or_has_waited_half_a_minute_goes_all_the_same(fields: dict[str, object]) -> None:
    InstanceFactory.create()
    AIRequest.objects.update(**fields)
    assert claim() is not None


def test_a_destination_that_rests_or_is_held_holds_nothing_back() -> None:
    DestinationFactory.create(is_enabled=False)
    DestinationFactory.create(paused_until=timezone.now() + timedelta(seconds=20))
    assert is_sent()
