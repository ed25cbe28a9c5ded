"""Addresses of the pages of federated search; none of them holds a value that was asked for."""

from django.urls import path

from spanner.portal import federations, fetches, search, sources

urlpatterns = [
    path("archives/", search.SpanSearch.as_view(), name="span-search"),
    path("archives/found/<str:query_id>/", search.SpanFound.as_view(), name="span-found"),
    path("archives/found/<str:query_id>/again/", search.ask_again, name="span-again"),
    path("archives/found/<str:query_id>/open/", fetches.open_found, name="span-open"),
    path("archives/found/<str:query_id>/fetch/", fetches.fetch_found, name="span-fetch"),
    path("archives/fetches/", fetches.FetchList.as_view(), name="fetch-list"),
    path("archives/fetches/<int:pk>/", fetches.FetchPage.as_view(), name="fetch"),
    path("archives/fetches/<int:pk>/again/", fetches.fetch_again, name="fetch-again"),
    path("archives/fetches/<int:pk>/cancel/", fetches.cancel_fetch, name="fetch-cancel"),
    path("archives/sources/", sources.SourceList.as_view(), name="source-list"),
    path("archives/sources/new/", sources.SourceCreate.as_view(), name="source-create"),
    path("archives/sources/<int:pk>/", sources.SourcePage.as_view(), name="source"),
    path("archives/sources/<int:pk>/edit/", sources.SourceUpdate.as_view(), name="source-update"),
    path("archives/sources/<int:pk>/delete/", sources.SourceDelete.as_view(), name="source-delete"),
    path("archives/sources/<int:pk>/echo/", sources.echo, name="source-echo"),
    path("archives/federations/new/", federations.FederationCreate.as_view(), name="federation-create"),
    path("archives/federations/<int:pk>/", federations.FederationUpdate.as_view(), name="federation-update"),
    path("archives/federations/<int:pk>/delete/", federations.FederationDelete.as_view(), name="federation-delete"),
]
