"""Application entity titles (PS3.5 6.2, VR AE)."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MAXIMUM_LENGTH = 16


def is_ae_title(value: str) -> bool:
    """1 to 16 characters of the default repertoire, no backslash, not only spaces."""
    return (
        1 <= len(value) <= MAXIMUM_LENGTH
        and value.isascii()
        and value.isprintable()
        and "\\" not in value
        and value.strip() == value
    )


def validate_ae_title(value: str) -> None:
    """Django validator.

    Raises:
        ValidationError: the value is not an AE title.
    """
    if not is_ae_title(value):
        raise ValidationError(_("An AE title has 1 to 16 printable ASCII characters, and no backslash."))
