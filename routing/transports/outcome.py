"""What a transport says of one delivery."""

from dataclasses import dataclass

from routing.models import Delivery


@dataclass(frozen=True)
class Outcome:
    """The destination's word on one delivery.

    Attributes:
        status: DIMSE status; None when the destination was not asked.
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
    """

    def __init__(self, message: str, during: tuple[Delivery, ...] = ()) -> None:
        super().__init__(message)
        self.during = during
