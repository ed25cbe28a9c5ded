"""Django admin in the portal's colours, for administrators only."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

OWN_APPS = frozenset({"accounts", "audit", "nodes", "dicomnet", "studies", "routing", "tiering", "spanner"})


class GantryAdminSite(admin.AdminSite):
    """The site that every app's admin module registers with."""

    site_header = "Gantry administration"
    site_title = "Gantry"
    index_title = "Everything that is stored, as rows"

    def has_permission(self, request: HttpRequest) -> bool:
        """The role decides, not the flag that Django keeps for its own admin; whoever sees a part has no rows."""
        user: Any = request.user
        return bool(user.is_active and getattr(user, "is_administrator", False) and user.sees_everything)

    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """By the portal's page: one way in, with one count of attempts."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """On the portal's page."""
        return redirect("my-password")

    def register(self, model_or_iterable: type[Model] | Iterable[type[Model]], *args: Any, **options: Any) -> None:
        """Leave out what other packages register: groups and tokens mean nothing where roles decide."""
        models = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else model_or_iterable
        super().register([model for model in models if model._meta.app_label in OWN_APPS], *args, **options)
