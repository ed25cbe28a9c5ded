"""The federation that an address names, and what goes wrong with one, as HTTP says it: this door's table."""

from django.http import HttpRequest
from rest_framework.exceptions import APIException, NotFound

from spanner.errors import NoSuchSpan, NotBrought
from spanner.models import SpanningConfig
from spanner.search import find_span


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
