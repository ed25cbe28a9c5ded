"""Which instances routing still has to read (settings.INSTANCE_HOLDS)."""

from collections.abc import Collection, Iterable

from django.db.models import Q

from routing.ai.models import AIRequest, AIRequestState
from routing.models import Delivery, DeliveryState
from studies.models import Instance

_OPEN_REQUESTS = (AIRequestState.QUEUED, AIRequestState.SENDING, AIRequestState.ASKED)


def to_deliver(instance_pks: Collection[int]) -> Iterable[int]:
    """A delivery of them is open, or has failed and waits for somebody who tries it again."""
    open_ones = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.DEAD)
    return Delivery.objects.filter(instance__in=instance_pks, state__in=open_ones).values_list("instance_id", flat=True)


def worked_on(instance_pks: Collection[int]) -> Iterable[int]:
    """Somebody has them from here, or computed on them, or sent them as a result: their record needs them."""
    known = Q(deliveries__isnull=False) | Q(ai_result__isnull=False) | Q(ai_requests__isnull=False)
    return Instance.objects.filter(known, pk__in=instance_pks).values_list("pk", flat=True).distinct()


def to_ask_about(instance_pks: Collection[int]) -> Iterable[int]:
    """An AI worker is asked about them."""
    requests = AIRequest.instances.through.objects.filter(
        instance__in=instance_pks, airequest__state__in=_OPEN_REQUESTS
    )
    return requests.values_list("instance_id", flat=True)
