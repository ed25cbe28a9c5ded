"""What each role may do: the one table that pages, API and Django admin go by."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from types import MappingProxyType

from gateway.accounts.models import Role

# From least to most; each role has what stands before it as well.
ORDER = (Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR)
# Permissions in Django's form, app label and codename, where * stands for any text. Users and API keys are not
# among what everyone sees: their list is a list of whom to attack.
OWN_PERMISSIONS: Mapping[Role, frozenset[str]] = MappingProxyType(
    {
        Role.VIEWER: frozenset(
            {
                "analytics.view_*",
                "dicomnet.view_*",
                "routing.view_*",
                "spanner.view_*",
                "studies.view_*",
                "tiering.view_*",
            }
        ),
        Role.OPERATOR: frozenset(
            {
                "nodes.view_*",
                "routing.change_delivery",
                "spanner.add_query",
                "spanner.add_fetch",
                "spanner.change_fetch",
                "studies.add_instance",
                "studies.change_study",
                "tiering.add_move",
                "tiering.change_move",
            }
        ),
        Role.ADMINISTRATOR: frozenset({"*"}),
    }
)
# Whoever could give a user or a key more to see than he sees himself would see it soon: so it is for those alone to
# whom nothing is hidden, with all else that changes accounts.
OF_EVERYTHING = ("accounts.add_*", "accounts.change_*", "accounts.delete_*")


@cache
def needs_to_see_everything(permission: str) -> bool:
    """Whether a permission is for those alone who see all studies, whatever their role."""
    return any(fnmatchcase(permission, pattern) for pattern in OF_EVERYTHING)


@cache
def role_may(role: str, permission: str) -> bool:
    """Whether a role has a permission; a role that does not exist has none."""
    if role not in ORDER:
        return False
    granted = ORDER[: ORDER.index(Role(role)) + 1]
    return any(fnmatchcase(permission, pattern) for each in granted for pattern in OWN_PERMISSIONS[each])


def highest_role(names: Iterable[str]) -> Role | None:
    """The role among these names that may do most; None when there is no role among them."""
    found = set(names)
    return next((role for role in reversed(ORDER) if role in found), None)
