"""A federation as the listener knows it: it is searched and fetched from, and takes nothing (dicomnet.services)."""

from collections.abc import Mapping, Sequence

from typing_extensions import Buffer

from dicomnet.commitment import (
    ActionStatus,
    CommitmentAnswer,
    CommitmentReport,
    CommitmentRequest,
    EventAnswer,
    EventStatus,
    Verdict,
)
from dicomnet.find import FindOptions, FindRequest, Matches
from dicomnet.retrieval import MoveDestination, Retrieval, RetrieveRequest
from dicomnet.services import StoreAnswer, StoreRequest, StoreSink
from dicomnet.statuses import StoreStatus
from spanner.dimse.find import find
from spanner.dimse.retrieve import retrieve
from spanner.models import SpanningConfig
from studies import retrieve_service

HOLDS_NOTHING = "a federated AE title holds nothing: store to Gantry's own title"


class FederationServices:
    """What is behind the AE title of one federation."""

    def __init__(self, config: SpanningConfig) -> None:
        """Serve this one; made anew for each request, so that a change of it counts at once."""
        self._config = config

    def prepare(self) -> None:
        """Nothing is shared."""

    def open_store(self, request: StoreRequest) -> StoreSink:
        """Refuse it."""
        return RefusingSink()

    def congestion(self) -> str:
        """Who would store here is told why not when it tries."""
        return ""

    def find_options(self) -> FindOptions:
        """None: what holds for one source may not hold for another."""
        return FindOptions()

    def find(self, request: FindRequest) -> Matches:
        """Begin to answer a query."""
        return find(self._config, request)

    def request_commitment(self, request: CommitmentRequest) -> CommitmentAnswer:
        """Refuse it."""
        return CommitmentAnswer(
            ActionStatus.NOT_AUTHORISED, "a federated AE title holds nothing, so it commits to nothing"
        )

    def claim_report(self, association: str) -> CommitmentReport | None:
        """There is none."""
        return None

    def settle_report(self, report: CommitmentReport, error: str) -> None:
        """There is none."""

    def association_ended(self, association: str) -> None:
        """Nothing was requested on it."""

    def retrieve(self, request: RetrieveRequest) -> Retrieval:
        """The instances that an identifier names, brought here where they are not."""
        return retrieve(self._config, request)

    def stored_syntaxes(self) -> Mapping[str, Sequence[str]]:
        """As in the archive, from which it is sent."""
        return retrieve_service.stored_syntaxes()

    def move_destination(self, ae_title: str, source_address: str) -> MoveDestination | None:
        """As from the archive."""
        return retrieve_service.move_destination(ae_title, source_address)

    def take_verdict(self, verdict: Verdict) -> EventAnswer:
        """A federation asks nobody to commit."""
        return EventAnswer(EventStatus.INVALID_ARGUMENT, "no request has this Transaction UID")


class RefusingSink:
    """Takes nothing."""

    def write(self, *pieces: Buffer) -> None:
        """Let it pass."""

    def commit(self) -> StoreAnswer:
        """Refuse."""
        return StoreAnswer(StoreStatus.NOT_AUTHORISED, HOLDS_NOTHING)

    def discard(self) -> None:
        """Nothing was kept."""
