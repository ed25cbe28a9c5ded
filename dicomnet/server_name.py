"""The name that a peer's certificate must bear when it is called over TLS (RFC 9525)."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def validate_server_name(value: str) -> None:
    """A name that can be asked for in a TLS handshake; a wildcard belongs into the certificate."""
    if not value.isprintable() or not value.isascii() or value.startswith((".", "*")):
        raise ValidationError(_("Enter the name as it stands in the certificate: printable ASCII, without a wildcard."))
