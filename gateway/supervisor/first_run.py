"""What only the first start makes: an administrator, and this machine's right to associate."""

import secrets
from pathlib import Path

from django.contrib.auth import get_user_model
from django.db import transaction

from dicomnet.models import AllowlistEntry
from gateway.accounts.models import Role
from gateway.env import Environment
from gateway.private_files import write_private
from gateway.supervisor.closing import SignIn

LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")


def sign_in(environment: Environment) -> SignIn | None:
    """How to sign in; with the first administrator and allowlist made when the database has no user yet.

    Returns:
        None when this installation's administrators are its own affair: none is left of the first start.
    """
    users = get_user_model().objects
    password_file = environment.secrets_dir / "admin_password"
    if not users.exists():
        return _first_sign_in(environment, password_file)
    first = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if first is None:
        return None
    return SignIn(first.get_username(), None, password_file if password_file.exists() else None)


def _first_sign_in(environment: Environment, password_file: Path) -> SignIn:
    given = environment.superuser_password
    password = given or secrets.token_urlsafe(12)
    if given is None:
        # Kept before it is used: a start that is cut off here makes another password, never a lost one.
        write_private(password_file, f"{password}\n")
    with transaction.atomic():
        get_user_model().objects.create_superuser(
            environment.superuser_username, password=password, role=Role.ADMINISTRATOR
        )
        AllowlistEntry.objects.bulk_create(
            AllowlistEntry(
                network=network,
                may_find=True,
                may_move=True,
                may_get=True,
                comment="Made at the first start: programs on this machine",
            )
            for network in LOOPBACK_NETWORKS
        )
    if given is not None:
        return SignIn(environment.superuser_username, None, None)
    return SignIn(environment.superuser_username, password, password_file)
