"""The app of batches."""

from django.apps import AppConfig


class BatchesConfig(AppConfig):
    """Actions on many studies."""

    name = "gateway.batches"
    label = "batches"
    verbose_name = "Batches"
