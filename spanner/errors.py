"""What can go wrong in federated search."""

from collections.abc import Sequence

from spanner.answers import Answer, Row


class SpannerError(Exception):
    """Base of its errors; messages hold no patient data."""


class SourceFailed(SpannerError):
    """A source did not answer whole; the message says why.

    Attributes:
        rows: what it had said before.
        is_alive: it answered, only not with what was asked.
    """

    def __init__(self, message: str, rows: Sequence[Row] = (), *, is_alive: bool = False) -> None:
        super().__init__(message)
        self.rows = rows
        self.is_alive = is_alive


class SourceSlow(SourceFailed):
    """A source did not answer in time."""


class SpanFailed(SpannerError):
    """By the strategy of its configuration there is no answer; the message names the sources that are missing.

    Attributes:
        answers: of all sources.
    """

    def __init__(self, message: str, answers: Sequence[Answer]) -> None:
        super().__init__(message)
        self.answers = answers


class FetchError(SpannerError):
    """A study cannot be brought here; the message says why."""


class FetchRefused(FetchError):
    """It cannot be asked for."""


class FetchLost(FetchError):
    """The fetch was cancelled, or another worker has it."""


class NoRoom(FetchError):
    """Nothing can be stored here now, whichever source sends it."""


class NoSuchSpan(SpannerError):
    """There is no configuration of this name, or it is off."""


class SpanIsOff(NoSuchSpan):
    """The configuration is switched off."""


class NoSuchQuery(SpannerError):
    """There is no question of this number, or somebody else asked it."""


class QueryExpired(SpannerError):
    """The answer to this question is not kept any more."""


class TooManyQueries(SpannerError):
    """As many questions are under way as there is room for."""


class NotBrought(SpannerError):
    """A study is not in Gantry's own archive and cannot be brought there; the message says why, in 64 characters."""
