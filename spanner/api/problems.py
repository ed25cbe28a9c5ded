"""Errors of federated search that only the API has."""

from rest_framework.exceptions import APIException


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
