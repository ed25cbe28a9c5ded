"""Pages of users, for administrators."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django.views.generic import CreateView, DeleteView, DetailView, ListView, UpdateView

from gateway.accounts import attempts, second_factor
from gateway.accounts.errors import LastAdministrator
from gateway.accounts.models import FailedSignIn, User
from gateway.accounts.people import an_administrator_remains, end_sessions, settle, with_temporary_password
from gateway.accounts.portal.forms import NewUserForm, UserForm

LIST_URL = reverse_lazy("user-list")


class UserList(PermissionRequiredMixin, ListView):
    """Everybody, and who is locked out."""

    permission_required = "accounts.view_user"
    raise_exception = True
    queryset = User.objects.order_by("-is_active", "username").prefetch_related("sites")
    context_object_name = "users"
    template_name = "accounts/user_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The lock-outs of now."""
        return super().get_context_data(lock_outs=attempts.locked()[:100], **kwargs)


@method_decorator(never_cache, name="dispatch")
class UserCreate(PermissionRequiredMixin, CreateView):
    """A new user, whose temporary password is shown once."""

    permission_required = "accounts.add_user"
    raise_exception = True
    model = User
    form_class = NewUserForm
    template_name = "accounts/user_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Add the person; the answer is the one that knows the password."""
        with transaction.atomic():
            person, password = with_temporary_password(form.save(commit=False))
            form.save_m2m()
        return self.response_class(
            request=self.request,
            template="accounts/user_password.html",
            context={"view": self, "object": person, "password": password, "is_new": True},
        )


class UserUpdate(PermissionRequiredMixin, UpdateView):
    """Who somebody is, and what the person may do."""

    permission_required = "accounts.change_user"
    raise_exception = True
    model = User
    form_class = UserForm
    template_name = "accounts/user_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Save, unless nobody would be left who could undo it."""
        try:
            with an_administrator_remains():
                person = form.save()
                settle(person)
        except LastAdministrator as error:
            form.add_error(None, str(error))
            return self.form_invalid(form)
        messages.success(self.request, _("%(name)s is saved.") % {"name": person})
        return HttpResponseRedirect(str(LIST_URL))


@method_decorator(never_cache, name="dispatch")
class UserPassword(PermissionRequiredMixin, DetailView):
    """Gives somebody who forgot his password a temporary one, shown once."""

    permission_required = "accounts.change_user"
    raise_exception = True
    model = User
    template_name = "accounts/user_password.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Another password; who had the old one is out."""
        self.object, password = with_temporary_password(self.get_object())
        if self.object.pk == request.user.pk:
            update_session_auth_hash(request, self.object)
        return self.render_to_response(self.get_context_data(password=password))


class UserFactor(PermissionRequiredMixin, DetailView):
    """Asks before somebody's second factor is removed."""

    permission_required = "accounts.change_user"
    raise_exception = True
    model = User
    template_name = "accounts/user_factor.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The password alone opens the account then; whoever is in comes in anew."""
        person = self.get_object()
        second_factor.remove(person)
        end_sessions(person)
        if person.pk == request.user.pk:
            update_session_auth_hash(request, person)
        messages.success(request, _("%(name)s has no second factor any more.") % {"name": person})
        return redirect("user-update", person.pk)


class UserDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a user is deleted."""

    permission_required = "accounts.delete_user"
    raise_exception = True
    model = User
    template_name = "accounts/user_delete.html"
    success_url = LIST_URL

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete, unless nobody would be left who could undo it."""
        name = str(self.object)
        try:
            with an_administrator_remains():
                self.object.delete()
        except LastAdministrator as error:
            messages.error(self.request, str(error))
        else:
            messages.success(self.request, _("%(name)s is deleted.") % {"name": name})
        return HttpResponseRedirect(str(LIST_URL))


@require_POST
@permission_required("accounts.change_user", raise_exception=True)
def end_all_sessions(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign somebody out everywhere."""
    person = get_object_or_404(User, pk=pk)
    end_sessions(person)
    messages.success(request, _("%(name)s is signed out everywhere.") % {"name": person})
    return redirect("user-list")


@require_POST
@permission_required("accounts.delete_failedsignin", raise_exception=True)
def lift_lock_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody try again."""
    get_object_or_404(FailedSignIn, pk=pk).delete()
    messages.success(request, _("The lock-out is lifted."))
    return redirect("user-list")
