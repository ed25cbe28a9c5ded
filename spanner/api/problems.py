"""Errors of federated search as the API answers them."""

from typing import Any

from rest_framework.exceptions import APIException

from spanner.answers import State
from spanner.api.answer import sources_json
from spanner.errors import SpanFailed


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


class IsOff(APIException):
    """The federation is switched off."""

    status_code = 409
    default_detail = "The federation is switched off."


class Expired(APIException):
    """The answer is not kept any more."""

    status_code = 410
    default_detail = "The answer was kept for an hour, and is not there any more: ask again."


class Busy(APIException):
    """There is no room for another question in the background."""

    status_code = 503
    default_detail = "As many questions are under way as there is room for; ask again in a moment."
    wait = 2  # for the header Retry-After
