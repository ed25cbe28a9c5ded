"""The app of the audit trail."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Records, their chains, and what listens to the rest of the product."""

    name = "gateway.audit"
    label = "audit"
    verbose_name = "Audit trail"

    def ready(self) -> None:
        """Listen to sign-ins and to changes of the configuration."""
        from gateway.audit import configuration, sign_ins

        sign_ins.listen()
        configuration.listen()
