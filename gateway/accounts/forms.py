"""Forms of accounts."""

from django.contrib.auth.forms import AuthenticationForm

REFUSED = "This user name and password do not belong together. Check both; capital letters matter."


class SignInForm(AuthenticationForm):
    """User name and password; one sentence for whatever is wrong, so that nobody learns which names exist."""

    error_messages = {"invalid_login": REFUSED, "inactive": REFUSED}
