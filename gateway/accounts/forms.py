"""Forms of accounts."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from gateway.accounts.errors import SignInLocked

REFUSED = _("This user name and password do not belong together. Check both; capital letters matter.")


class SignInForm(AuthenticationForm):
    """User name and password; one sentence for whatever is wrong, so that nobody learns which names exist."""

    error_messages = {"invalid_login": REFUSED, "inactive": REFUSED}
    locked: SignInLocked | None = None

    def clean(self) -> dict[str, Any]:
        """Check them, unless there were too many attempts: ``locked`` says so then."""
        try:
            return super().clean()
        except SignInLocked as error:
            self.locked = error
            raise ValidationError(str(error)) from error
