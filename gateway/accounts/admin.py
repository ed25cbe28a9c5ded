"""People in Django admin: name, password and role."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest

from gateway.accounts.models import FailedSignIn, User
from gateway.accounts.people import end_sessions


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Users; the role says what they may do, so Django's groups and permissions are left out."""

    list_display = ["username", "first_name", "last_name", "role", "is_active", "last_login"]
    list_filter = ["role", "is_active"]
    fieldsets = (
        (None, {"fields": ("username", "password", "role", "is_active")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("When", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "role", "usable_password", "password1", "password2")}),
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Who is disabled is out at once."""
        super().save_model(request, obj, form, change)
        if change and not obj.is_active:
            end_sessions(obj)


@admin.register(FailedSignIn)
class FailedSignInAdmin(admin.ModelAdmin):
    """Attempts that failed; to delete one lifts its lock-out."""

    list_display = ["username", "address", "attempts", "tried_at", "locked_until"]
    search_fields = ["username", "address"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are counted, not entered."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: FailedSignIn | None = None) -> bool:
        """They are counted, not edited."""
        return False
