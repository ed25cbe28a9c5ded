"""The journey of an instance, stage by stage: the only signal receivers, each of which only rings a bell.

received -> index_spool -> plan -> deliver. The first bell, for a file in the spool, is rung by the listener
(studies.doorbell), which has no database. A bell that is not heard costs seconds: beat rings all of them.
"""

from typing import Any

from django.dispatch import receiver

from routing.events import deliveries_due
from routing.tasks import deliver, plan
from studies.doorbell import ring
from studies.events import instances_indexed


@receiver(instances_indexed)
def plan_what_is_indexed(**kwargs: Any) -> None:
    """New instances: ask the rules."""
    ring(plan)


@receiver(deliveries_due)
def deliver_what_is_planned(destination_pk: int, **kwargs: Any) -> None:
    """New deliveries: wake the destination's lane."""
    ring(deliver, destination_pk)
