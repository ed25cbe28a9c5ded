"""Addresses of the pages of allowlist and remote nodes."""

from django.urls import path

from dicomnet.portal import allowlist, remote_nodes

urlpatterns = [
    path("allowlist/", allowlist.AllowlistPage.as_view(), name="allowlist"),
    path("allowlist/new/", allowlist.AllowlistCreate.as_view(), name="allowlist-create"),
    path("allowlist/<int:pk>/", allowlist.AllowlistUpdate.as_view(), name="allowlist-update"),
    path("allowlist/<int:pk>/delete/", allowlist.AllowlistDelete.as_view(), name="allowlist-delete"),
    path("remote-nodes/", remote_nodes.RemoteNodeList.as_view(), name="remote-node-list"),
    path("remote-nodes/new/", remote_nodes.RemoteNodeCreate.as_view(), name="remote-node-create"),
    path("remote-nodes/<int:pk>/", remote_nodes.RemoteNodeUpdate.as_view(), name="remote-node-update"),
    path("remote-nodes/<int:pk>/delete/", remote_nodes.RemoteNodeDelete.as_view(), name="remote-node-delete"),
]
