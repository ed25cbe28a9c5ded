"""The app of the configuration."""

from django.apps import AppConfig


class ConfigurationConfig(AppConfig):
    """What administrators set, as a document."""

    name = "gateway.configuration"
    label = "configuration"
    verbose_name = "Configuration"
