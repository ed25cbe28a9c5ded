"""A caller of a DICOMweb destination: verified by TLS, and signed in as the destination says (RFC 7617, RFC 6750)."""

import ssl
from base64 import b64encode
from functools import lru_cache

from django.conf import settings

from dicomnet.tls import BadTlsFile, Reloading, TlsFiles, client_context
from routing.addresses import BadAddress, Url, parse_url
from routing.models import Destination, HttpAuthentication
from routing.secrets import SecretUnusable, unseal
from routing.transports.http import Caller, HttpError


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


def context_of(*, shows_certificate: bool) -> ssl.SSLContext:
    """For https: the server's certificate is verified; Gantry's own is shown only where that is how it signs in.

    Raises:
        BadTlsFile: a file cannot be used.
    """
    files = settings.GANTRY.tls_files
    return _reloading(files if shows_certificate else TlsFiles(None, None, files.ca)).current()


@lru_cache(maxsize=2)
def _reloading(files: TlsFiles) -> Reloading:
    # Not shared with DICOM over TLS: HTTP's connections add a protocol's name to their context (RFC 7301).
    return Reloading(files, client_context)


def _authorization(destination: Destination, url: Url) -> dict[str, str]:
    if destination.authentication not in {HttpAuthentication.BASIC, HttpAuthentication.BEARER}:
        return {}
    secret = unseal(destination.secret, place=url.origin)
    if destination.authentication == HttpAuthentication.BEARER:
        return {"Authorization": f"Bearer {secret}"}
    return {"Authorization": "Basic " + b64encode(f"{destination.username}:{secret}".encode()).decode()}
