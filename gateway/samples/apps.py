"""The app of test studies."""

from django.apps import AppConfig


class SamplesConfig(AppConfig):
    """Test studies by one click."""

    name = "gateway.samples"
    label = "samples"
    verbose_name = "Test studies"
