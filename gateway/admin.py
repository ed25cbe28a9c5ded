"""Django admin in the portal's colours, for administrators only."""

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest


class GantryAdminSite(admin.AdminSite):
    """The site that every app's admin module registers with."""

    site_header = "Gantry administration"
    site_title = "Gantry"
    index_title = "Everything that is stored, as rows"
    site_url = "/"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """The role decides, not the flag that Django keeps for its own admin."""
        return bool(request.user.is_active and getattr(request.user, "is_administrator", False))


# Autodiscovery imports this module before any other app's, thus before anything asks for the default site.
admin_config = apps.get_app_config("admin")
assert isinstance(admin_config, AdminConfig)  # noqa: S101 (tells the type checker)
admin_config.default_site = "gateway.admin.GantryAdminSite"
