"""Errors of federated search as HTTP has them, whichever door it is."""

from typing import Any

from rest_framework.exceptions import APIException

from spanner.answers import State
from spanner.errors import SpanFailed
from spanner.told import sources_json


class TooFewAnswered(APIException):
    """By its strategy the federation has no answer: 504 when all that is missing did not come in time, else 502.

    Attributes:
        members: further ones of the problem document (RFC 9457 3.2).
    """

    def __init__(self, failed: SpanFailed) -> None:
        words = str(failed)
        super().__init__(f"{words[0].upper()}{words[1:]}.")
        missing = [answer.state for answer in failed.answers if not answer.is_whole]
        is_late = bool(missing) and all(state is State.TIMEOUT for state in missing)
        self.status_code = 504 if is_late else 502
        self.members: dict[str, Any] = {"sources": sources_json(failed.answers)}
