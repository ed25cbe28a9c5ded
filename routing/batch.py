"""What one association is to send, one after the other, each when the lane lets it go."""

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import overload

from routing.models import Delivery, Priority
from routing.pace import TokenBucket

LONGEST_WAIT_SECONDS = 1.0


class Batch(Sequence[Delivery]):
    """Deliveries of one claim, in the order in which they are to be sent.

    A transport that takes them one by one gets the next one when the destination's limit of bytes allows it, and no
    more once the batch was cut because something more urgent waits. One that needs all at first, for what it
    negotiates, looks at ``all`` and asks ``may_go`` before each.
    """

    def __init__(
        self, deliveries: Sequence[Delivery], *, association: str = "", limit: TokenBucket | None = None
    ) -> None:
        """See the class.

        Args:
            deliveries: claimed under the token ``association``.
            association: names the batch in the ledger and in the log.
            limit: of the lane; None for none.
        """
        self.all = tuple(deliveries)
        self.association = association
        self.least_urgent = max((delivery.priority for delivery in self.all), default=Priority.STAT.value)
        self._limit = limit
        self._is_cut = threading.Event()
        self._gone: set[int] = set()

    def __len__(self) -> int:
        return len(self.all)

    @overload
    def __getitem__(self, index: int) -> Delivery: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Delivery]: ...

    def __getitem__(self, index: int | slice) -> Delivery | Sequence[Delivery]:
        return self.all[index]

    def __iter__(self) -> Iterator[Delivery]:
        return takewhile(self.may_go, self.all)

    def may_go(self, delivery: Delivery) -> bool:
        """Wait until this delivery may be sent; False when the batch is cut, and nothing more of it goes."""
        if delivery.pk in self._gone:
            return True
        while not self._is_cut.is_set():
            seconds = self._seconds_to_wait(delivery)
            if not seconds:
                self._gone.add(delivery.pk)
                return True
            self._is_cut.wait(min(seconds, LONGEST_WAIT_SECONDS))
        return False

    def part(self, deliveries: Sequence[Delivery]) -> "Batch":
        """Some of its deliveries as a batch of their own, which is held back and cut as the whole is."""
        part = Batch(deliveries, association=self.association, limit=self._limit)
        part._is_cut = self._is_cut
        return part

    def cut(self) -> None:
        """Let nothing more go; what is under way is finished."""
        self._is_cut.set()

    def _seconds_to_wait(self, delivery: Delivery) -> float:
        if self._limit is None:
            return 0.0
        is_urgent = delivery.priority == Priority.STAT
        return self._limit.take(delivery.instance.size_bytes, time.monotonic(), is_urgent=is_urgent)
