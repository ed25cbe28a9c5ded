"""Faults on demand on the way out: a delivery is delayed or fails, and is tried again like any other."""

import random
import time
from collections.abc import Callable, Iterator

from dicomnet.faults import Faults, fault_file
from routing.batch import Batch
from routing.models import Destination
from routing.senders import SENDERS, Send
from routing.transports.outcome import Outcome

FAILED = "fault injection: random_fail_rate"


def disturb_senders() -> None:
    """Have every transport disturbed; called at the start where faults are allowed, so that others pay nothing."""
    for kind, send in list(SENDERS.items()):
        SENDERS[kind] = disturbed(send, lambda: fault_file().current())


def disturbed(send: Send, faults: Callable[[], Faults]) -> Send:
    """A transport that does as the faults of the moment say; what fails by them is not sent."""

    def sending(destination: Destination, batch: Batch) -> Iterator[Outcome]:
        rate = faults().random_fail_rate
        rest = []
        for delivery in batch.all:
            if random.random() < rate:  # noqa: S311 (no secret)
                yield Outcome(delivery, None, FAILED)
            else:
                rest.append(delivery)
        for outcome in send(destination, batch.part(rest)) if rest else ():
            time.sleep(faults().io_delay_ms / 1000)
            yield outcome

    return sending
