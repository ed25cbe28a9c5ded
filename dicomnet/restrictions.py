"""The lists that narrow an allowlist entry: certificates, SOP Classes, destinations of C-MOVE."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from dicomnet.ae_title import validate_ae_title
from dicomnet.certificates import normal_name
from dicomnet.sop_classes import normal_sop_class

LONGEST_LIST = 256


def normal_certificates(values: Any) -> list[str]:
    """Fingerprints without colons in lower case, and names as they are."""
    return _normal(values, normal_name)


def normal_sop_classes(values: Any) -> list[str]:
    """UIDs of storage SOP Classes, from UIDs and keywords."""
    return _normal(values, normal_sop_class)


def normal_move_destinations(values: Any) -> list[str]:
    """AE titles."""
    return _normal(values, _ae_title)


def validate_certificates(value: Any) -> None:
    """Django validator."""
    normal_certificates(value)


def validate_sop_classes(value: Any) -> None:
    """Django validator."""
    normal_sop_classes(value)


def validate_move_destinations(value: Any) -> None:
    """Django validator."""
    normal_move_destinations(value)


def _ae_title(text: str) -> str:
    title = text.strip()
    try:
        validate_ae_title(title)
    except ValidationError as error:
        raise ValueError(
            _("“%(title)s” is no AE title: %(error)s") % {"title": title, "error": error.message}
        ) from error
    return title


def _normal(values: Any, normal: Callable[[str], str]) -> list[str]:
    """Each value in its normal form, once, in the given order.

    Raises:
        ValidationError: one message for each value that makes no sense.
    """
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValidationError(_("Give a list of texts."))
    if len(values) > LONGEST_LIST:
        raise ValidationError(
            _("At most %(maximum)d are taken here, not %(number)d.") % {"maximum": LONGEST_LIST, "number": len(values)}
        )
    found: dict[str, None] = {}
    errors: list[ValidationError] = []
    for value in values:
        try:
            found[normal(value)] = None
        except ValueError as error:
            errors.append(ValidationError(str(error)))
    if errors:
        raise ValidationError(errors)
    return list(found)
