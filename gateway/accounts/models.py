"""Users and their role, API keys and their scopes, and attempts to sign in."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from rest_framework_api_key.models import AbstractAPIKey


class Role(models.TextChoices):
    """What a person may do; each includes the one before."""

    VIEWER = "viewer", pgettext_lazy("role", "Viewer")
    OPERATOR = "operator", _("Operator")
    ADMINISTRATOR = "administrator", _("Administrator")


class User(AbstractUser):
    """A person who signs in. Holds the person's name and e-mail address, no patient data."""

    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)
    session_generation = models.PositiveIntegerField(
        default=0, editable=False, help_text="Sessions of an earlier one have ended."
    )
    must_change_password = models.BooleanField(
        default=False, help_text="The password was made by somebody else and is temporary."
    )
    totp_secret = models.CharField(max_length=400, blank=True, default="", editable=False, help_text="Encrypted.")
    totp_confirmed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Empty: no code is asked for."
    )
    totp_last_step = models.BigIntegerField(default=0, editable=False, help_text="Codes of it and before are used up.")
    list_columns = models.JSONField(
        default=dict, blank=True, editable=False, help_text="Columns that the person chose, by list."
    )
    hides_first_steps = models.BooleanField(
        default=False, editable=False, help_text="The person closed the checklist of the dashboard."
    )

    language = models.CharField(
        max_length=8, blank=True, default="", editable=False, help_text="Of the pages; empty: as the browser asks."
    )

    @property
    def is_administrator(self) -> bool:
        """Administrators alone change the configuration and use Django admin."""
        return self.role == Role.ADMINISTRATOR or self.is_superuser

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must know to go on: another password ends it, and another generation does."""
        value = f"{self.session_generation}:{self.password}"
        return salted_hmac("gateway.accounts.session", value, secret=secret, algorithm="sha256").hexdigest()


class RecoveryCode(models.Model):
    """What opens an account once in place of a code of the app. Only a hash is kept; holds no patient data."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    hashed = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "hashed"], name="one_of_each_recovery_code")]

    def __str__(self) -> str:
        return f"recovery code of {self.user}"


class FailedSignIn(models.Model):
    """How often a name was tried from an address since it got in. Holds what was typed as name, no patient data."""

    username = models.CharField(
        max_length=150, help_text="As it was typed, in small letters; there may be no such user."
    )
    address = models.CharField(max_length=45)
    attempts = models.PositiveIntegerField(default=0, help_text="With those that are looked at in this moment.")
    tried_at = models.DateTimeField(db_index=True)  # what is old is deleted by it
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "failed sign-in"
        constraints = [models.UniqueConstraint(fields=["username", "address"], name="one_count_per_name_and_address")]

    def __str__(self) -> str:
        return f"{self.username} from {self.address}"


class Scope(models.TextChoices):
    """What a program with an API key may do: that of a role, or read the metrics."""

    VIEWER = Role.VIEWER.value, pgettext_lazy("role", "Viewer")
    OPERATOR = Role.OPERATOR.value, _("Operator")
    ADMINISTRATOR = Role.ADMINISTRATOR.value, _("Administrator")
    METRICS = "metrics", _("Metrics")


def validate_scopes(value: Any) -> None:
    """Django validator: a list of at least one scope."""
    if not isinstance(value, list) or not value or not set(map(str, value)) <= set(Scope.values):
        raise ValidationError(_("Give a list of one or more of %(scopes)s.") % {"scopes": ", ".join(Scope.values)})


class ApiKey(AbstractAPIKey):
    """A key of a program. Only a hash of it is kept; holds no patient data."""

    scopes = models.JSONField(default=list, validators=[validate_scopes], help_text="Roles, and metrics.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute.")
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="More are refused; empty: no limit."
    )

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"
