"""What the data plane asks of its caller: where requests go, and what is said of bytes that are wrong (PS3.7 6.3)."""

from typing import Protocol

from typing_extensions import Buffer

UNRECOGNISED_PDU, UNEXPECTED_PDU, INVALID_PARAMETER = 1, 2, 6  # reasons of an A-ABORT (PS3.8 Table 9-26)


class ProtocolError(Exception):
    """The peer's bytes break the protocol: the association is aborted with this reason (PS3.8 9.3.8)."""

    def __init__(self, words: str, reason: int = INVALID_PARAMETER) -> None:
        super().__init__(words)
        self.reason = reason


class AssociationOver(Exception):
    """While a request was in service: nothing more can be said to the peer."""


class Incoming(Protocol):
    """The data set of a request that is taken as it comes."""

    def write(self, *pieces: Buffer) -> None:
        """Take the next bytes; they are overwritten once this has returned."""

    def finish(self) -> bytes | None:
        """The data set is whole: the PDUs that answer the request, or None when it is to be served now."""

    def discard(self) -> None:
        """It will never be whole: leave nothing behind."""


class Operations(Protocol):
    """What is done with what came in; called in the association's thread."""

    def begin(self, context_id: int, command: dict[int, bytes]) -> Incoming | bytes | None:
        """Begin on a request: where its data set goes, or the PDUs that answer it, or None to have it handed on.

        Raises:
            ProtocolError: it cannot even be answered.
        """

    def hand_on(self, context_id: int, control: int, value: bytes) -> None:
        """A whole command set, or the whole data set after it, of a message that is not streamed."""

    def cancel(self, message_id: int) -> None:
        """The peer wants no more responses to this request (PS3.7 9.3.2.3)."""
