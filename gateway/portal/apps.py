"""The app of the shared pages."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Dashboard, sign-in, and template tags for all pages."""

    name = "gateway.portal"
    label = "portal"
    verbose_name = "Portal"
