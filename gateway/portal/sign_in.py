"""Sign in and out: name and password, then a code where the user has a second factor."""

import time
from typing import Any

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from gateway.accounts.errors import SignInLocked
from gateway.accounts.forms import SignInForm
from gateway.accounts.models import User
from gateway.accounts.portal.my_factor import CodeForm
from gateway.accounts.second_factor import has_factor, is_right

HALF_WAY = "half_way_in"  # in the session: who has given the right password, and no code yet
HALF_WAY_SECONDS = 300
BACKEND = "gateway.accounts.backends.RoleBackend"


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """The sign-in page; where the person wanted to go is kept when it is on this site."""

    authentication_form = SignInForm
    template_name = "portal/sign_in.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """A page that asks for its live part after the session ended is loaded anew, and then comes here."""
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Refresh": "true"})
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """In, or on to the page that asks for the code."""
        user: Any = form.get_user()
        if not has_factor(user):
            return super().form_valid(form)
        self.request.session.cycle_key()
        self.request.session[HALF_WAY] = [user.pk, user.get_session_auth_hash(), int(time.time())]
        wanted = {self.redirect_field_name: self.get_redirect_url()}
        return HttpResponseRedirect(f"{reverse('sign-in-code')}?{urlencode(wanted)}")

    def form_invalid(self, form: Any) -> HttpResponse:
        """The page again, with what is wrong; a lock-out is said to programs too."""
        return _told(super().form_invalid(form), form.locked)


@method_decorator(
    [login_not_required, never_cache, csrf_protect, sensitive_post_parameters("code")],
    name="dispatch",
)
class SignInCode(RedirectURLMixin, FormView):
    """Asks for the code of the app, or a recovery code."""

    form_class = CodeForm
    template_name = "portal/sign_in_code.html"
    next_page = "dashboard"
    user: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Whose password was right some minutes ago; others begin at the beginning."""
        user = _half_way_in(request)
        if user is None:
            return redirect("sign-in")
        self.user = user
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """In, when the code is right."""
        try:
            if is_right(self.user, form.cleaned_data["code"]):
                del self.request.session[HALF_WAY]
                login(self.request, self.user, backend=BACKEND)
                return HttpResponseRedirect(self.get_success_url())
        except SignInLocked as error:
            form.add_error("code", str(error))
            return _told(self.form_invalid(form), error)
        form.add_error("code", _("This code is wrong, or was used before. Wait for the next one."))
        return self.form_invalid(form)


def _half_way_in(request: HttpRequest) -> User | None:
    """Who gave the right password, unless it was long ago or something was changed since."""
    pk, auth_hash, since = request.session.get(HALF_WAY, (None, "", 0))
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None or time.time() - since > HALF_WAY_SECONDS:
        return None
    return user if constant_time_compare(auth_hash, user.get_session_auth_hash()) else None


def _told(answer: HttpResponse, locked: SignInLocked | None) -> HttpResponse:
    if locked is not None:
        answer.status_code = 429
        answer.headers["Retry-After"] = str(locked.retry_after_seconds)
    return answer
