"""Pages of one's own account, for everybody."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import RedirectURLMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import FormView, TemplateView

from gateway.accounts.people import end_sessions, set_own_password
from gateway.accounts.portal.forms import ConfirmForm, OwnPasswordForm
from gateway.accounts.recent_password import note


class MyAccount(TemplateView):
    """Who one is, and how one signs in."""

    template_name = "accounts/my_account.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How many recovery codes are left."""
        user: Any = self.request.user
        return super().get_context_data(codes_left=user.recovery_codes.count(), **kwargs)


class MyPassword(FormView):
    """Another password."""

    form_class = OwnPasswordForm
    template_name = "accounts/my_password.html"
    success_url = reverse_lazy("my-account")

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form asks for the present password."""
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        """Take it; this session alone goes on."""
        user: Any = self.request.user
        set_own_password(user, form.cleaned_data["new_password1"])
        update_session_auth_hash(self.request, user)
        messages.success(self.request, _("Your password is changed. You are signed out everywhere else."))
        return super().form_valid(form)


class ConfirmPassword(RedirectURLMixin, FormView):
    """Asks for the password again, and leads back to what it was asked for."""

    form_class = ConfirmForm
    template_name = "accounts/confirm_password.html"
    next_page = "dashboard"

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form compares it with that of who asks."""
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        """It is the same person."""
        note(self.request.session)
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Asked again, or not for a while."""
        answer = super().form_invalid(form)
        if form.locked is not None:
            answer.status_code = 429
            answer.headers["Retry-After"] = str(form.locked.retry_after_seconds)
        return answer


@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    user: Any = request.user
    end_sessions(user)
    update_session_auth_hash(request, user)
    messages.success(request, _("You are signed out everywhere else."))
    return redirect("my-account")
