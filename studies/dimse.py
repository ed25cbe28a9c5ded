"""The archive behind the gateway's AE title (dicomnet.services.Services)."""

from functools import cache

from django.conf import settings
from typing_extensions import Buffer

from dicomnet.services import StoreAnswer, StoreRequest
from dicomnet.statuses import StoreStatus
from studies.doorbell import Doorbell
from studies.spool import Spool, SpoolSink

_doorbell = Doorbell()


@cache
def local_spool() -> Spool:
    """The spool of this installation, ready for use."""
    spool = Spool(settings.GANTRY.spool_dir, settings.GANTRY.spool_high_percent)
    spool.prepare()
    return spool


class ArchiveServices:
    """Takes instances into the spool."""

    def open_store(self, request: StoreRequest) -> "RingingSink":
        """Begin to take one instance."""
        return RingingSink(local_spool().open(request))


class RingingSink:
    """A spool sink that wakes the indexer after each success."""

    def __init__(self, sink: SpoolSink) -> None:
        self._sink = sink

    def write(self, piece: Buffer) -> None:
        """Take the next bytes of the data set."""
        self._sink.write(piece)

    def commit(self) -> StoreAnswer:
        """Make it durable; the bell is rung after, and needs no answer."""
        answer = self._sink.commit()
        if answer.status == StoreStatus.SUCCESS:
            _doorbell.ring()
        return answer

    def discard(self) -> None:
        """Leave nothing behind."""
        self._sink.discard()
