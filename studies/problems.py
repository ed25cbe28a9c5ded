"""Errors of the archive as the API and DICOMweb answer them."""

from rest_framework.exceptions import APIException

from studies.errors import InstanceOffline


class Recalled(APIException):
    """It is being brought back from a slower tier."""

    status_code = 503

    def __init__(self, error: InstanceOffline) -> None:
        super().__init__(f"It is {error}.")
        self.wait = error.retry_seconds  # for the header Retry-After
