"""A caller of a DICOMweb destination, signed in as the destination says."""

from dicomnet.web.http import Caller
from dicomnet.web.sign_in import open_caller
from routing.models import Destination


def caller_of(destination: Destination) -> Caller:
    """A caller of a DICOMweb destination, signed in as it says.

    Raises:
        HttpError: its address, its secret or the TLS files cannot be used.
    """
    return open_caller(
        destination.name,
        destination.url,
        authentication=destination.authentication,
        username=destination.username,
        sealed_secret=destination.secret,
        timeout_seconds=destination.timeout_seconds,
    )
