"""Django admin in the portal's colours, for administrators only."""

from django.contrib import admin
from django.http import HttpRequest


class GantryAdminSite(admin.AdminSite):
    """The site that every app's admin module registers with."""

    site_header = "Gantry administration"
    site_title = "Gantry"
    index_title = "Everything that is stored, as rows"

    def has_permission(self, request: HttpRequest) -> bool:
        """The role decides, not the flag that Django keeps for its own admin."""
        return bool(request.user.is_active and getattr(request.user, "is_administrator", False))
