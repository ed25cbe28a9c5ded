"""Puts Gantry's site in the place of Django admin's own."""

from django.contrib.admin.apps import AdminConfig


class GantryAdminConfig(AdminConfig):
    """The app ``django.contrib.admin`` with our site."""

    default_site = "gateway.admin.GantryAdminSite"
