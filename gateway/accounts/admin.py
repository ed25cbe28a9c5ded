"""People and failed sign-ins in Django admin, to look at: the portal's pages change them, by one set of rules."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from gateway.accounts.models import FailedSignIn, User


class ReadOnly(admin.ModelAdmin):
    """Shown, not edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Not here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here."""
        return False


@admin.register(User)
class UserAdmin(ReadOnly):
    """Users; what they may do is said by the role alone."""

    list_display = ["username", "first_name", "last_name", "role", "is_active", "last_login"]
    list_filter = ["role", "is_active"]
    search_fields = ["username", "first_name", "last_name"]
    fields = ["username", "first_name", "last_name", "email", "role", "is_active", "last_login", "date_joined"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here: the last administrator must stay."""
        return False


@admin.register(FailedSignIn)
class FailedSignInAdmin(ReadOnly):
    """Attempts that failed; to delete one lifts its lock-out."""

    list_display = ["username", "address", "attempts", "tried_at", "locked_until"]
    search_fields = ["username", "address"]
