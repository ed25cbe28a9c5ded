"""The app at the top."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """Settings, processes, pipeline and health."""

    name = "gateway"
    verbose_name = "Gateway"

    def ready(self) -> None:
        """Connect the stages of the journey, and the system checks."""
        from gateway import checks, pipeline  # noqa: F401
