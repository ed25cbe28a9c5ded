"""Sign in and out."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator

from gateway.accounts.forms import SignInForm


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

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        """The page again, with what is wrong; a lock-out is said to programs too."""
        answer: HttpResponse = super().form_invalid(form)
        if form.locked is not None:
            answer.status_code = 429
            answer.headers["Retry-After"] = str(form.locked.retry_after_seconds)
        return answer
