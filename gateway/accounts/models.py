"""Users and their role, API keys and their scopes, sites that say which studies both see, and attempts to sign in."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from rest_framework_api_key.models import AbstractAPIKey

from studies.sight import Sight


class Role(models.TextChoices):
    """What a person may do; each includes the one before."""

    VIEWER = "viewer", pgettext_lazy("role", "Viewer")
    OPERATOR = "operator", _("Operator")
    ADMINISTRATOR = "administrator", _("Administrator")


class Sees(models.TextChoices):
    """Which studies are there for somebody."""

    EVERYTHING = "everything", "All studies"
    SITES = "sites", "Those of sites"


def validate_values(value: Any) -> None:
    """Django validator: a list of texts, each of which can stand in a study."""
    if not isinstance(value, list) or not all(isinstance(each, str) and 0 < len(each) <= 64 for each in value):
        raise ValidationError("Give a list of texts of 1 to 64 characters.")


class Site(models.Model):
    """A hospital, a department or a practice: the studies for which one of its conditions holds. No patient data."""

    name = models.CharField(max_length=64, unique=True)
    senders = models.JSONField(
        default=list, blank=True, validators=[validate_values], help_text="AE titles of the devices that send."
    )
    institutions = models.JSONField(
        default=list, blank=True, validators=[validate_values], help_text="Institution Names, each as a whole."
    )
    labels = models.JSONField(
        default=list, blank=True, validators=[validate_values], help_text="Labels, of which a study has one."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def sight(self) -> Sight:
        """What somebody sees who has this site alone."""
        return _together([(self.senders, self.institutions, self.labels)])


class SeesSites(models.Model):
    """Base of those who ask: everything is there for them, or the studies of their sites."""

    sees = models.CharField(max_length=10, choices=Sees, default=Sees.EVERYTHING)

    class Meta:
        abstract = True

    @property
    def sees_everything(self) -> bool:
        """Nothing is left out."""
        return self.sees == Sees.EVERYTHING

    @cached_property
    def sight(self) -> Sight | None:
        """What is there; None: everything, for which the database is not asked."""
        if self.sees_everything:
            return None
        sites: models.Manager[Site] = self.sites  # type: ignore[attr-defined]  # each has its own
        return _together(sites.order_by().values_list("senders", "institutions", "labels"))


def _together(sites: Iterable[tuple[list[str], list[str], list[str]]]) -> Sight:
    kinds = list(zip(*sites, strict=True)) or [(), (), ()]
    return Sight(*(tuple(sorted({value for values in kind for value in values})) for kind in kinds))


class User(AbstractUser, SeesSites):  # noqa: DJ008 (AbstractUser has it)
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

    sites = models.ManyToManyField(Site, blank=True, related_name="users")

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


class ApiKey(SeesSites, AbstractAPIKey):  # noqa: DJ008 (AbstractAPIKey has it)
    """A key of a program. Only a hash of it is kept; holds no patient data."""

    scopes = models.JSONField(default=list, validators=[validate_scopes], help_text="Roles, and metrics.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute.")
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="More are refused; empty: no limit."
    )
    sites = models.ManyToManyField(Site, blank=True, related_name="api_keys")

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"
