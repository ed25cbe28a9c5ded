"""A caller of a DICOMweb destination: verified by TLS, and signed in as the destination says (RFC 7617, RFC 6750)."""

from base64 import b64encode

from dicomnet.tls import BadTlsFile
from dicomnet.web.addresses import BadAddress, Url, parse_url
from dicomnet.web.http import Caller, HttpError
from dicomnet.web.secrets import SecretUnusable, unseal
from dicomnet.web.tls import context_of
from routing.models import Destination, HttpAuthentication


def caller_of(destination: Destination) -> Caller:
    """A caller of a DICOMweb destination, signed in as it says.

    Raises:
        HttpError: its address, its secret or the TLS files cannot be used.
    """
    try:
        url = parse_url(destination.url)
        headers = _authorization(destination, url)
        shows = destination.authentication == HttpAuthentication.CERTIFICATE
        tls = context_of(shows_certificate=shows) if url.is_encrypted else None
    except BadAddress as error:
        raise HttpError(f"{destination.name} is not called: {error}") from error
    except (SecretUnusable, BadTlsFile) as error:
        raise HttpError(f"{destination.name} cannot be called: {error}") from error
    return Caller(url, timeout_seconds=destination.timeout_seconds, tls=tls, headers=headers)


def _authorization(destination: Destination, url: Url) -> dict[str, str]:
    if destination.authentication not in {HttpAuthentication.BASIC, HttpAuthentication.BEARER}:
        return {}
    secret = unseal(destination.secret, place=url.origin)
    if destination.authentication == HttpAuthentication.BEARER:
        return {"Authorization": f"Bearer {secret}"}
    return {"Authorization": "Basic " + b64encode(f"{destination.username}:{secret}".encode()).decode()}
