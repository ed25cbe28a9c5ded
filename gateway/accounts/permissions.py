"""The API's permission: derived from method and model, denied when there is nothing to derive it from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView  # at run time that module imports this one, by the settings

ANY_ROLE: Final = "any role"
_ACTIONS: Mapping[str, str] = {
    "GET": "view",
    "HEAD": "view",
    "POST": "add",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}


class RolePermission(BasePermission):
    """Asks ``has_perm`` of whoever is signed in, a person or an API key.

    A view says what it needs in one of three ways, the first that is there counts: ``action_permissions``, by the
    name of a viewset's action; ``required_permission``, for all its methods; or the model of its ``queryset``.
    ``ANY_ROLE`` in place of a permission lets everyone in who has a role.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether this request may be answered."""
        user: Any = request.user
        if not user or not user.is_authenticated:
            return False
        # Browsers and clients ask with OPTIONS what there is; the answer holds no data.
        needed = ANY_ROLE if request.method == "OPTIONS" else needed_permission(view, request.method or "")
        if needed == ANY_ROLE:
            return bool(user.role)
        return needed is not None and bool(user.has_perm(needed))


def needed_permission(view: Any, method: str) -> str | None:
    """The permission for one method of a view; None when the view says nothing, which refuses everyone."""
    by_action: Mapping[str, str] = getattr(view, "action_permissions", {})
    action = getattr(view, "action", None)
    if action is not None and action in by_action:
        return by_action[action]
    stated: str | None = getattr(view, "required_permission", None)
    if stated is not None:
        return stated
    queryset = getattr(view, "queryset", None)
    if queryset is None or method not in _ACTIONS:
        return None
    meta = queryset.model._meta
    return f"{meta.app_label}.{_ACTIONS[method]}_{meta.model_name}"
