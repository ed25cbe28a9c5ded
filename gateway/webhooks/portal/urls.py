"""Addresses of the pages of webhooks."""

from django.urls import path

from gateway.webhooks.portal import deliveries, pages

urlpatterns = [
    path("webhooks/", pages.WebhookList.as_view(), name="webhook-list"),
    path("webhooks/new/", pages.WebhookCreate.as_view(), name="webhook-create"),
    path("webhooks/<int:pk>/", deliveries.WebhookPage.as_view(), name="webhook"),
    path("webhooks/<int:pk>/edit/", pages.WebhookUpdate.as_view(), name="webhook-update"),
    path("webhooks/<int:pk>/delete/", pages.WebhookDelete.as_view(), name="webhook-delete"),
    path("webhooks/<int:pk>/secret/", pages.WebhookSecret.as_view(), name="webhook-secret"),
    path("webhooks/<int:pk>/test/", deliveries.test, name="webhook-test"),
    path("webhooks/<int:pk>/retry/", deliveries.retry, name="webhook-retry"),
]
