"""What the ways have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from spanner.fetch.listing import Listing
from spanner.fetch.pieces import Piece
from spanner.fetch.progress import Progress
from spanner.models import Source

SILENCE_SECONDS = 120  # a source that reads from a tape says nothing for a while


@dataclass(frozen=True)
class Errand:
    """One source, and what it is asked for."""

    source: Source
    study_uid: str
    pieces: tuple[Piece, ...]
    listing: Listing
    progress: Progress


# Brings what it can. Raises SourceFailed when the source did not send all of it, NoRoom when nothing can be stored
# here, FetchLost when nobody wants it any more.
Way = Callable[[Errand], None]
