"""Faults on demand on the way out: what fails by them is not sent, and is tried again."""

import pytest

from dicomnet.faults import Faults
from routing.batch import Batch
from routing.faulty import FAILED, disturbed
from routing.transports.dimse import send
from tests.factories import DeliveryFactory, DestinationFactory, version_of_a_new_rule
from tests.peers import storing_peer
from tests.routing.conftest import Store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_the_share_that_fails_is_not_sent(store: Store, rate: float) -> None:
    with storing_peer() as storing:
        destination = DestinationFactory.create(ae_title="PEER", port=storing.port, timeout_seconds=5)
        version = version_of_a_new_rule()
        deliveries = [
            DeliveryFactory.create(instance=store(), destination=destination, rule_version=version) for _ in range(4)
        ]
        faulty = disturbed(send, lambda: Faults(random_fail_rate=rate, io_delay_ms=1))

        outcomes = list(faulty(destination, Batch(deliveries)))

    assert {one.delivery.pk for one in outcomes} == {one.pk for one in deliveries}
    assert len(storing.calls) == (0 if rate else 4)
    assert {(one.status, one.error, one.is_permanent) for one in outcomes} == (
        {(None, FAILED, False)} if rate else {(0, "", False)}
    )
