"""The federation that an address names, and what goes wrong with one, as HTTP says it: this door's table."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import APIException, NotFound

from spanner.answers import Answer, State
from spanner.errors import NoSuchSpan, NotBrought, SpanFailed
from spanner.models import SpanningConfig
from spanner.search import find_span


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
        self.members: dict[str, Any] = {"sources": list(_told(failed.answers))}


class OnItsWay(APIException):
    """The study is being brought."""

    status_code = 503
    default_detail = "The study is on its way from another archive; ask again in a moment."
    wait = 5  # for the header Retry-After


class DoesNotCome(APIException):
    """The study is elsewhere, if anywhere, and cannot be brought."""

    status_code = 502

    def __init__(self, error: NotBrought) -> None:
        super().__init__(f"The study could not be had: {error}.")


def federation(name: str) -> SpanningConfig:
    """The federation of an address.

    Raises:
        NotFound: there is none, or it is off.
    """
    try:
        return find_span(name)
    except NoSuchSpan as error:
        raise NotFound("There is no federation of this name, or it is switched off.") from error


def root_of(request: HttpRequest, name: str) -> str:
    """The address that ``studies/...`` is appended to, as this client reaches it."""
    return request.build_absolute_uri(f"/dicom-web/span/{name}/")


def _told(answers: Iterable[Answer]) -> Iterable[dict[str, Any]]:
    for one in answers:
        yield {
            "name": one.source,
            "state": one.state,
            "count": len(one.rows),
            "milliseconds": one.milliseconds,
            "error": one.error,
            "age_seconds": one.age_seconds,
        }
