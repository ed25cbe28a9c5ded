"""The journey of an instance, stage by stage: the only signal receivers, each of which only rings a bell.

received -> index_spool -> plan -> deliver. The first bell, for a file in the spool, is rung by the listener
(studies.doorbell), which has no database. A bell that is not heard costs seconds: beat rings all of them.
"""

import logging
from typing import Any

from celery import Task
from django.dispatch import receiver
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from routing.events import deliveries_due
from routing.tasks import deliver, plan
from studies.events import instances_indexed

logger = logging.getLogger(__name__)
BELL_EXPIRES_SECONDS = 30


@receiver(instances_indexed)
def plan_what_is_indexed(**kwargs: Any) -> None:
    """New instances: ask the rules."""
    ring(plan)


@receiver(deliveries_due)
def deliver_what_is_planned(destination_pk: int, **kwargs: Any) -> None:
    """New deliveries: wake the destination's lane."""
    ring(deliver, destination_pk)


def ring(task: "Task[Any, None]", *args: int) -> None:
    """Publish a task; a broker that is down is no reason to fail, the sweep will do it."""
    try:
        task.apply_async(args, expires=BELL_EXPIRES_SECONDS)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("bell not heard", extra={"task": task.name, "error": str(error)})
