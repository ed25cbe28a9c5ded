"""Django's authentication backend: name and password from the database, permissions from the role."""

from functools import cache
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from gateway.accounts import attempts, spraying
from gateway.accounts.addresses import address_of
from gateway.accounts.errors import SignInLocked
from gateway.accounts.models import User
from gateway.accounts.roles import needs_to_see_everything, role_may

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import Model

    AnyUser = AbstractBaseUser | AnonymousUser


class RoleBackend(ModelBackend):
    """Answers every question about permissions from the one table in ``roles``; groups are not asked."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> "User | None":
        """The user with this name and password; None: wrong, or not active.

        Every door comes through here, so attempts are counted here.

        Raises:
            SignInLocked: the name was tried too often from this address, or all names together; the password was not
                looked at.
        """
        if username is None or password is None:
            return None
        address = address_of(request)
        attempts.take(username, address)
        try:
            spraying.take(address)
        except SignInLocked:
            attempts.give_back(username, address)
            raise
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if not isinstance(user, User):
            attempts.fail(username, address)
            spraying.fail(address)
            return None
        attempts.give_back(username, address)
        spraying.give_back(address)
        return user

    def get_user_permissions(self, user_obj: "AnyUser", obj: "Model | None" = None) -> set[str]:
        """Nobody has permissions besides those of the role."""
        return set()

    def get_group_permissions(self, user_obj: "AnyUser", obj: "Model | None" = None) -> set[str]:
        """Nobody has permissions besides those of the role."""
        return set()

    def get_all_permissions(self, user_obj: "AnyUser", obj: "Model | None" = None) -> set[str]:
        """All permissions that the user's role has."""
        return {name for name in permission_names() if self.has_perm(user_obj, name, obj)}

    def has_perm(self, user_obj: "AnyUser", perm: str, obj: Any = None) -> bool:
        """Whether the user's role has it; no permission is for single objects only."""
        if not isinstance(user_obj, User) or not user_obj.is_active or obj is not None:
            return False
        if needs_to_see_everything(perm) and not user_obj.sees_everything:
            return False
        return user_obj.is_superuser or role_may(user_obj.role, perm)

    def has_module_perms(self, user_obj: "AnyUser", app_label: str) -> bool:
        """Whether the user's role has any permission of this app."""
        names = (name for name in permission_names() if name.startswith(f"{app_label}."))
        return any(self.has_perm(user_obj, name) for name in names)


@cache
def permission_names() -> frozenset[str]:
    """Every permission of every installed model, as Django makes them."""
    return frozenset(
        f"{model._meta.app_label}.{action}_{model._meta.model_name}"
        for model in apps.get_models()
        for action in model._meta.default_permissions
    )
