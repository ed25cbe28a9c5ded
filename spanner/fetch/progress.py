"""How far a fetch is, written now and then; each time it is also seen whether it is still ours."""

import time
from collections import Counter
from collections.abc import Collection

from django.db.models import F

from dicomnet.services import StoreAnswer
from dicomnet.statuses import in_words, is_stored
from spanner.fetch import claim
from spanner.models import Fetch

WRITTEN_EVERY_SECONDS = 2.0


class Progress:
    """Of one fetch while it is carried out.

    Args:
        fetch: that we hold.

    Attributes:
        taken: SOP Instance UIDs that are durable here since it began.
        refused: why the archive here did not take some, and how often.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self.taken: set[str] = set()
        self.refused: Counter[str] = Counter()
        self._before = self._said = 0
        self._bytes = 0
        self._written_at = time.monotonic()

    def begin(self, expected: int, here: Collection[str]) -> None:
        """So many are expected, and these of them are here.

        Raises:
            FetchLost: as for ``beat``.
        """
        self._before, self._said = len(here), 0
        self.taken -= set(here)
        claim.change(self._fetch, instances_expected=expected, instances_arrived=len(here))

    def took(self, sop_uid: str, size_bytes: int, answer: StoreAnswer) -> None:
        """An instance has come, and this is what the archive here says of it.

        Raises:
            FetchLost: as for ``beat``.
        """
        if is_stored(answer.status):
            self.taken.add(sop_uid)
            self._bytes += size_bytes
        else:
            self.refused[answer.comment or in_words(answer.status)] += 1
        self.beat()

    def said(self, completed: int | None) -> None:
        """The source has sent so many by another way."""
        self._said = completed or 0

    def beat(self) -> None:
        """Write, when it is time.

        Raises:
            FetchLost: the fetch was cancelled, or another worker has it.
        """
        now = time.monotonic()
        if now - self._written_at >= WRITTEN_EVERY_SECONDS:
            self._written_at = now
            self.write()

    def write(self) -> None:
        """Write now.

        Raises:
            FetchLost: as for ``beat``.
        """
        count, self._bytes = self._bytes, 0
        arrived = self._before + max(len(self.taken), self._said)
        claim.change(self._fetch, instances_arrived=arrived, bytes_arrived=F("bytes_arrived") + count)

    def refused_in_words(self) -> str:
        """What the archive here did not take; empty when it took all."""
        if not self.refused:
            return ""
        reason, _ = self.refused.most_common(1)[0]
        return f"{self.refused.total()} of what it sent was refused here ({reason})"
