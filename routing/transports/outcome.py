"""What a transport says of one delivery, and which refusals are final."""

from dataclasses import dataclass

from routing.models import Delivery

# Statuses after which the same bytes would be refused again (PS3.7 Annex C): the class or the instance is the reason.
# The last is STOW-RS's "Referenced Transfer Syntax not supported".
PERMANENT = frozenset({0x0117, 0x0122, 0x0124, 0xC122})
DOES_NOT_MATCH, CANNOT_UNDERSTAND = range(0xA900, 0xAA00), range(0xC000, 0xD000)


@dataclass(frozen=True)
class Outcome:
    """The destination's word on one delivery.

    Attributes:
        status: DIMSE status; None when the destination was not asked, or has said nothing of this instance.
        error: why it failed, in words without patient data; empty for a success.
        is_permanent: trying again would fail again.
        sent_bytes: of its data set, when it was delivered.
    """

    delivery: Delivery
    status: int | None
    error: str = ""
    is_permanent: bool = False
    sent_bytes: int = 0

    @property
    def is_delivered(self) -> bool:
        """The destination keeps the instance."""
        return not self.error


class PeerLost(Exception):
    """The destination cannot be reached, or was lost in the middle.

    Attributes:
        during: the deliveries that were under way, whose fate is not known; empty when none had begun.
        retry_after_seconds: how long the destination itself asked to be left alone; 0 when it said nothing.
    """

    def __init__(self, message: str, during: tuple[Delivery, ...] = (), *, retry_after_seconds: float = 0) -> None:
        super().__init__(message)
        self.during = during
        self.retry_after_seconds = retry_after_seconds


def is_permanent(status: int | None, previous: int | None) -> bool:
    """Whether to give up at once; a code that the standard does not know is tried again.

    Args:
        status: None when the peer accepts no presentation context for the instance.
        previous: what it answered to the last attempt; it has to fail to understand twice to be believed.
    """
    if status is None or status in PERMANENT or status in DOES_NOT_MATCH:
        return True
    return status in CANNOT_UNDERSTAND and previous in CANNOT_UNDERSTAND
