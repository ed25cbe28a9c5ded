"""Writes what became of the deliveries of one batch: successes in groups, failures at once."""

import time

from django.db import transaction

from dicomnet.audit import record as put_on_record
from routing import queue
from routing.lanes import record_success
from routing.models import Destination
from routing.on_record import sent
from routing.queue import Receipt
from routing.transports.outcome import Outcome

FLUSH_SECONDS = 1.0  # what a crash may have to send again
BUSY = frozenset({*range(0xA700, 0xA800), 0x0213})  # it has no room for any instance (PS3.4 B.2.3, PS3.7 C.5.15)
BUSY_BEFORE_REST = 10


class Recorder:
    """The outcomes of one batch.

    Attributes:
        count: delivered so far.
        sent_bytes: of what was delivered.
    """

    def __init__(self, destination: Destination, token: str) -> None:
        self._destination = destination
        self._token = token
        self._receipts: dict[int, Receipt] = {}
        self._flushed_at = time.monotonic()
        self._busy_in_a_row = 0
        self.last_error = ""
        self.count = 0
        self.sent_bytes = 0

    @property
    def is_full(self) -> bool:
        """The peer said time after time that it has no room: what comes next would be refused too."""
        return self._busy_in_a_row >= BUSY_BEFORE_REST

    def record(self, outcome: Outcome) -> None:
        """Note one outcome."""
        if outcome.is_delivered:
            self._receive(outcome)
            return
        self._busy_in_a_row = self._busy_in_a_row + 1 if outcome.status in BUSY else 0
        self.last_error = outcome.error
        queue.finish_failed(
            self._token,
            outcome.delivery.pk,
            status=outcome.status,
            error=outcome.error,
            is_permanent=outcome.is_permanent,
        )

    def flush(self) -> None:
        """Write the successes."""
        if self._receipts:
            with transaction.atomic():
                queue.finish_delivered(self._token, self._receipts)
                put_on_record(*sent(self._destination, self._receipts))
            record_success(self._destination)
            self._receipts = {}
        self._flushed_at = time.monotonic()

    def _receive(self, outcome: Outcome) -> None:
        self.count += 1
        self.sent_bytes += outcome.sent_bytes
        self._busy_in_a_row = 0
        self._receipts[outcome.delivery.pk] = Receipt(outcome.status or 0, outcome.sent_bytes)
        if time.monotonic() - self._flushed_at > FLUSH_SECONDS:
            self.flush()
