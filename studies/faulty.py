"""Faults on demand on the way in: an instance is delayed or refused, never acknowledged without the spool's word."""

import random
import time
from collections.abc import Callable

from typing_extensions import Buffer

from dicomnet.faults import Faults
from dicomnet.services import StoreAnswer, StoreSink
from dicomnet.statuses import StoreStatus

DISK_FULL = "fault injection: the disk is nearly full"


class FaultySink:
    """A sink that is disturbed as the faults of the moment say."""

    def __init__(self, sink: StoreSink, faults: Callable[[], Faults]) -> None:
        self._sink = sink
        self._faults = faults

    def write(self, *pieces: Buffer) -> None:
        """Take the next bytes of the data set."""
        self._sink.write(*pieces)

    def commit(self) -> StoreAnswer:
        """Refuse before anything gets a name, or have the sink decide."""
        time.sleep(self._faults().io_delay_ms / 1000)
        reason = why_refused(self._faults())
        if reason:
            self._sink.discard()
            return StoreAnswer(StoreStatus.OUT_OF_RESOURCES, reason)
        return self._sink.commit()

    def discard(self) -> None:
        """Leave nothing behind."""
        self._sink.discard()


def why_refused(faults: Faults) -> str:
    """Why an instance is not taken, for the Error Comment; empty when it may be."""
    if faults.reject_all:
        return "fault injection: reject_all"
    if faults.disk_full:
        return DISK_FULL
    is_chosen = random.random() < faults.random_fail_rate  # noqa: S311 (no secret)
    return "fault injection: random_fail_rate" if is_chosen else ""
