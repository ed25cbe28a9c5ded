"""The app of accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users and roles."""

    name = "gateway.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Connect the one signal that is listened to here."""
        from django.contrib.auth.signals import user_logged_in

        from gateway.accounts.sign_ins import signed_in

        user_logged_in.connect(signed_in, dispatch_uid="gateway.accounts.signed_in")
