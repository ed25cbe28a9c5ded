"""Pages of one's own second factor."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import FormView, TemplateView

from gateway.accounts import second_factor
from gateway.accounts.portal.qr import qr_svg

CODE_FIELD = {"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false", "autocapitalize": "off"}


class CodeForm(forms.Form):
    """A code of the app, or a recovery code where one will do."""

    code = forms.CharField(max_length=32, widget=forms.TextInput(attrs=CODE_FIELD))


@method_decorator(never_cache, name="dispatch")
class MyFactor(FormView):
    """Sets an authenticator app up; the answer to the first right code shows the recovery codes."""

    form_class = CodeForm
    template_name = "accounts/my_factor.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Who has one needs no other."""
        user: Any = request.user
        return redirect("my-account") if second_factor.has_factor(user) else super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the app has to know."""
        user: Any = self.request.user
        address = second_factor.begin(user)
        return super().get_context_data(
            qr=qr_svg(address),
            secret=second_factor.readable_secret(user),
            must_set_up=second_factor.must_set_up(user),
            **kwargs,
        )

    def form_valid(self, form: Any) -> HttpResponse:
        """Ask for codes from now on."""
        user: Any = self.request.user
        codes = second_factor.confirm(user, form.cleaned_data["code"])
        if codes is None:
            form.add_error("code", _("This is not the code of this moment. Is the phone's clock right?"))
            return self.form_invalid(form)
        return render(self.request, "accounts/recovery_codes.html", {"codes": codes, "is_new": True})


@method_decorator(never_cache, name="dispatch")
class RecoveryCodes(TemplateView):
    """New recovery codes in place of the old ones."""

    template_name = "accounts/recovery_codes.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Show them once."""
        user: Any = request.user
        if not second_factor.has_factor(user):
            return redirect("my-account")
        return self.render_to_response({"codes": second_factor.renew_recovery_codes(user)})


class RemoveFactor(TemplateView):
    """Asks before one's own second factor is removed."""

    template_name = "accounts/my_factor_remove.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        """No code is asked for any more."""
        user: Any = request.user
        second_factor.remove(user)
        messages.success(request, _("Your second factor is removed: your password alone opens your account."))
        return redirect("my-account")
