"""How Gantry signs in at a DICOMweb service: as whoever set it up says (RFC 7617, RFC 6750)."""

from base64 import b64encode
from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dicomnet.tls import BadTlsFile
from dicomnet.web.addresses import BadAddress, Url, parse_url
from dicomnet.web.http import Caller, HttpError
from dicomnet.web.secrets import SecretUnusable, unseal
from dicomnet.web.tls import context_of


class HttpAuthentication(models.TextChoices):
    """How Gantry signs in at a DICOMweb service."""

    NONE = "none", gettext_lazy("None")
    BASIC = "basic", gettext_lazy("User name and password")
    BEARER = "bearer", gettext_lazy("Bearer token")
    CERTIFICATE = "certificate", gettext_lazy("Gantry's TLS certificate")


WITH_SECRET = frozenset({HttpAuthentication.BASIC, HttpAuthentication.BEARER})


def open_caller(
    name: str, url: str, *, authentication: str, username: str, sealed_secret: str, timeout_seconds: float
) -> Caller:
    """A caller of a DICOMweb service, verified by TLS where it is https, and signed in.

    Args:
        name: of the service, for people.
        url: its root.
        authentication: one of HttpAuthentication.
        username: for BASIC.
        sealed_secret: password or token, sealed for the origin of the URL.
        timeout_seconds: for each step.

    Raises:
        HttpError: its address, its secret or the TLS files cannot be used.
    """
    try:
        root = parse_url(url)
        headers = _authorization(authentication, username, sealed_secret, root)
        shows = authentication == HttpAuthentication.CERTIFICATE
        tls = context_of(shows_certificate=shows) if root.is_encrypted else None
    except BadAddress as error:
        raise HttpError(f"{name} is not called: {error}") from error
    except (SecretUnusable, BadTlsFile) as error:
        raise HttpError(f"{name} cannot be called: {error}") from error
    return Caller(root, timeout_seconds=timeout_seconds, tls=tls, headers=headers)


def problems_of(method: str, username: str, *, has_secret: bool) -> Iterable[tuple[str, str]]:
    """What is wrong with a way to sign in, by the name of the field."""
    if method == HttpAuthentication.BASIC:
        if not username:
            yield "username", _("Basic authentication needs a user name.")
        elif ":" in username or not username.isprintable():
            yield "username", _("A user name has no colon (RFC 7617).")
    elif username:
        yield "username", _("Only sign-in by user name and password takes one; choose it, or leave this empty.")
    if method in WITH_SECRET:
        if not has_secret:
            yield "secret", _("Enter the password or token.")
    elif has_secret:
        yield "secret", _("This way to sign in takes no password; choose another, or leave it empty.")
    if method == HttpAuthentication.CERTIFICATE and settings.GANTRY.tls_cert is None:
        yield "authentication", _("Gantry has no certificate to show: set GANTRY_TLS_CERT and GANTRY_TLS_KEY.")


def _authorization(authentication: str, username: str, sealed_secret: str, url: Url) -> dict[str, str]:
    if authentication not in WITH_SECRET:
        return {}
    secret = unseal(sealed_secret, place=url.origin)
    if authentication == HttpAuthentication.BEARER:
        return {"Authorization": f"Bearer {secret}"}
    return {"Authorization": "Basic " + b64encode(f"{username}:{secret}".encode()).decode()}
