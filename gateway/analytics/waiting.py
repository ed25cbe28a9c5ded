"""How deep the queue is and how old its oldest delivery, looked at in each turn: the greatest of each unit is kept."""

from datetime import datetime

from gateway.analytics.add import raise_to
from gateway.analytics.models import What
from gateway.analytics.tally import Amount, Cell, spread
from gateway.analytics.units import Unit, beginning
from routing.selectors import queues


def look_at_queue(now: datetime) -> None:
    """Note what waits at this moment; an empty queue is no row."""
    found = queues()
    depth = sum(each.waiting + each.sending for each in found)
    if not depth:
        return
    since = min((each.oldest_waiting_at for each in found if each.oldest_waiting_at), default=now)
    minute = beginning(Unit.MINUTE, now)
    heights = {What.QUEUE_DEPTH: depth, What.QUEUE_SECONDS: max(0, int((now - since).total_seconds()))}
    raise_to(spread({Cell(Unit.MINUTE, minute, what, ""): Amount(height) for what, height in heights.items()}, now))
