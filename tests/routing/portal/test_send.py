"""Sending a study where a person says."""

import pytest
from django.test import Client

from routing.models import Delivery, DeliveryState, Destination, Priority
from studies.models import Study
from tests.factories import DeliveryFactory, DestinationFactory, InstanceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    first = InstanceFactory.create()
    InstanceFactory.create(series=first.series)
    return first.series.study


def send(client: Client, study: Study, destination: object) -> str:
    address = f"/studies/{study.study_instance_uid}/"
    response = client.post(f"{address}send/", {"destination": destination}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_all_of_it_goes_whatever_rules_say(operator: Client, study: Study) -> None:
    archive: Destination = DestinationFactory.create(name="Archive")
    assert "2 instances on the way to Archive." in send(operator, study, archive.pk)
    made = Delivery.objects.all()
    assert {(each.destination, each.made_by, each.rule_version, each.priority) for each in made} == {
        (archive, "operator", None, Priority.HIGH)
    }
    assert made.count() == 2


def test_what_went_there_so_goes_again_and_what_a_rule_sent_does_not(operator: Client, study: Study) -> None:
    archive: Destination = DestinationFactory.create(name="Archive")
    instance = study.series.get().instances.earliest("pk")
    by_rule = DeliveryFactory.create(instance=instance, destination=archive, state=DeliveryState.DELIVERED)
    send(operator, study, archive.pk)
    Delivery.objects.filter(rule_version=None).update(state=DeliveryState.DELIVERED)
    send(operator, study, archive.pk)
    assert Delivery.objects.filter(rule_version=None, state=DeliveryState.PENDING).count() == 2
    by_rule.refresh_from_db()
    assert by_rule.state == DeliveryState.DELIVERED


def test_a_destination_that_is_held_is_said_so(operator: Client, study: Study) -> None:
    held = DestinationFactory.create(name="Held", is_enabled=False)
    assert "It is held: they wait until it is on again." in send(operator, study, held.pk)


@pytest.mark.parametrize("chosen", ["", "x", "999999"])
def test_none_is_asked_for(operator: Client, study: Study, chosen: str) -> None:
    assert "Choose a destination." in send(operator, study, chosen)


def test_a_viewer_sends_nothing(viewer: Client, study: Study) -> None:
    archive = DestinationFactory.create()
    response = viewer.post(f"/studies/{study.study_instance_uid}/send/", {"destination": archive.pk})
    assert response.status_code == 403
    assert not Delivery.objects.exists()
