"""Hand a believed result on to the destinations of its pool: lines of the ledger, like those that a rule writes."""

from typing import Any

from routing.ai.models import AIPool, AIRequest
from routing.models import Delivery, Priority
from routing.queue import tell_due
from studies.models import Instance


def hand_on(instance: Instance, request: AIRequest) -> int:
    """Write the result's deliveries, once each; returns to how many destinations it goes.

    They name the rule version that had the study analysed. A version that changes what it sends is not named, or the
    result would be changed as the worker's copies were: then they name the pool.
    """
    version = request.rule_version
    is_plain = not version.definition.get("actions")
    origin: dict[str, Any] = {"rule_version": version} if is_plain else {"made_by": f"AI pool {request.pool.name}"}
    return _write(instance, request.pool, version.definition.get("priority", Priority.ROUTINE), origin)


def hand_on_by_person(instance: Instance, pool: AIPool, user_name: str) -> int:
    """The same for a result that a person released; it may answer no request at all."""
    return _write(instance, pool, Priority.ROUTINE, {"made_by": user_name})


def _write(instance: Instance, pool: AIPool, priority: int, origin: dict[str, Any]) -> int:
    destinations = list(pool.result_destinations.values_list("pk", flat=True))
    Delivery.objects.bulk_create(
        [Delivery(instance=instance, destination_id=pk, priority=priority, **origin) for pk in destinations],
        ignore_conflicts=True,
    )
    tell_due(destinations)
    return len(destinations)
