"""The app of accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users and roles."""

    name = "gateway.accounts"
    label = "accounts"
    verbose_name = "Accounts"
