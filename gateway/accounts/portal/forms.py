"""Forms of users, API keys and one's own password."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordMixin
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gateway.accounts.confirm import is_own_password
from gateway.accounts.errors import SignInLocked
from gateway.accounts.models import ApiKey, Scope, User
from gateway.accounts.portal.site_forms import SeesForm


class UserForm(SeesForm):
    """Who somebody is, and what the person may do."""

    class Meta:
        model = User
        fields = ["username", "first_name", "last_name", "email", "role", "is_active", "sees"]
        labels = {
            "username": _("User name"),
            "first_name": _("First name"),
            "last_name": _("Last name"),
            "email": _("E-mail"),
            "role": _("Role"),
            "is_active": _("May sign in"),
        }
        help_texts = {
            "username": _("Letters, digits and @ . + - _"),
            "role": "",
            "is_active": _("Without it the person is signed out at once, everywhere."),
        }


class NewUserForm(UserForm):
    """A person who does not sign in yet."""

    class Meta(UserForm.Meta):
        fields = ["username", "first_name", "last_name", "email", "role", "sees"]


class PasswordField(forms.CharField):
    """The password of who is signed in; wrong ones count as attempts to sign in, for a session may be left open."""

    widget = forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, max_length=128, **kwargs)


class ConfirmForm(forms.Form):
    """Whether it is still the same person."""

    password = PasswordField(label=_("Your password"))
    locked: SignInLocked | None = None

    def __init__(self, request: Any, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        """Compare it."""
        given = str(self.cleaned_data["password"])
        try:
            if is_own_password(self.request, given):
                return given
        except SignInLocked as error:
            self.locked = error
            raise ValidationError(str(error)) from error
        raise ValidationError(_("This is not your password."))


class OwnPasswordForm(SetPasswordMixin, forms.Form):
    """The password of who is signed in."""

    old_password = PasswordField(label=_("Present password"))
    new_password1, new_password2 = SetPasswordMixin.create_password_fields(_("New password"), _("The same again"))

    def __init__(self, request: Any, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = _("At least 12 characters; a few words together are easy to remember.")

    def clean_old_password(self) -> str:
        """Compare it."""
        given = str(self.cleaned_data["old_password"])
        try:
            if is_own_password(self.request, given):
                return given
        except SignInLocked as error:
            raise ValidationError(str(error)) from error
        raise ValidationError(_("This is not your present password."))

    def clean(self) -> dict[str, Any]:
        """The new one, by the rules for passwords."""
        self.validate_passwords("new_password1", "new_password2")
        self.validate_password_for_user(self.request.user, "new_password2")
        if self.cleaned_data.get("old_password") == self.cleaned_data.get("new_password1", ""):
            self.add_error("new_password1", _("Choose another one than the present."))
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        return cleaned


class ApiKeyForm(SeesForm):
    """A new API key."""

    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=forms.CheckboxSelectMultiple, label=_("It may"))
    expires_on = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        label=_("Last day"),
        help_text=_("It ends with this day. Empty: it lasts until it is revoked."),
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes", "requests_per_minute", "sees"]
        labels = {"name": _("Name"), "requests_per_minute": _("Requests a minute")}
        help_texts = {
            "name": _("Which program uses it."),
            "requests_per_minute": _("More are refused. Empty: no limit."),
        }

    def clean_expires_on(self) -> Any:
        """A key that is born expired is a mistake in the date."""
        day = self.cleaned_data["expires_on"]
        if day is not None and day < timezone.localdate():
            raise ValidationError(_("This day is past."))
        return day

    def values(self) -> dict[str, Any]:
        """What the key is made from."""
        values = {name: self.cleaned_data[name] for name in ("name", "scopes", "requests_per_minute", "sees")}
        day = self.cleaned_data["expires_on"]
        return values | {"expiry_date": day and timezone.make_aware(datetime.combine(day, time.max))}


class ApiKeySitesForm(SeesForm):
    """Which studies an API key sees."""

    class Meta:
        model = ApiKey
        fields = ["sees"]
