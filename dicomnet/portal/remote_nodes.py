"""Pages of the remote nodes: where devices listen."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from django.views.generic import CreateView, DeleteView, ListView, UpdateView

from dicomnet.models import RemoteNode

LIST_URL = reverse_lazy("remote-node-list")


class RemoteNodeForm(forms.ModelForm):
    """Where a device listens."""

    class Meta:
        model = RemoteNode
        fields = ["ae_title", "host", "port", "tls", "tls_server_name", "comment"]
        labels = {"host": _("Host"), "port": _("Port"), "comment": _("Comment")}


class RemoteNodeList(PermissionRequiredMixin, ListView):
    """Every node."""

    permission_required = "dicomnet.view_remotenode"
    raise_exception = True
    model = RemoteNode
    context_object_name = "nodes"
    template_name = "dicomnet/remote_node_list.html"


class RemoteNodeCreate(PermissionRequiredMixin, SuccessMessageMixin, CreateView):
    """A new node."""

    permission_required = "dicomnet.add_remotenode"
    raise_exception = True
    model = RemoteNode
    form_class = RemoteNodeForm
    template_name = "dicomnet/remote_node_form.html"
    success_url = LIST_URL
    success_message = _("%(ae_title)s is added. Reports that wait for it are sent within a minute.")

    def get_initial(self) -> dict[str, Any]:
        """What a link from a report that waits fills in."""
        given = {name: self.request.GET.get(name, "") for name in ("ae_title", "host")}
        return super().get_initial() | {name: value for name, value in given.items() if value}


class RemoteNodeUpdate(PermissionRequiredMixin, SuccessMessageMixin, UpdateView):
    """A node's address."""

    permission_required = "dicomnet.change_remotenode"
    raise_exception = True
    model = RemoteNode
    form_class = RemoteNodeForm
    template_name = "dicomnet/remote_node_form.html"
    success_url = LIST_URL
    success_message = _("%(ae_title)s is saved.")


class RemoteNodeDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a node is deleted."""

    permission_required = "dicomnet.delete_remotenode"
    raise_exception = True
    model = RemoteNode
    template_name = "dicomnet/remote_node_delete.html"
    success_url = LIST_URL

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete, and say what that means."""
        words = _("%(node)s is deleted: it gets no reports any more, unless its association is still open.") % {
            "node": self.object
        }
        response = super().form_valid(form)
        messages.success(self.request, words)
        return response
