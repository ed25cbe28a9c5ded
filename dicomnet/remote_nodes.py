"""Where devices listen, so that Gantry can call them back: AE title, host and port."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from dicomnet.ae_title import validate_ae_title
from dicomnet.server_name import validate_server_name


class RemoteNode(models.Model):
    """A device that Gantry may call back. Holds no patient data.

    Two devices may have one AE title: it is no key.
    """

    ae_title = models.CharField(
        _("AE title"),
        max_length=16,
        validators=[validate_ae_title],
        help_text=_("The title under which the device calls."),
    )
    host = models.CharField(max_length=255, help_text=_("Its address or host name."))
    port = models.PositiveIntegerField(
        default=104,
        validators=[MinValueValidator(1), MaxValueValidator(65_535)],
        help_text=_("The port on which it listens for results of storage commitment."),
    )
    tls = models.BooleanField(
        _("over TLS"), default=False, help_text=_("Encrypted; its certificate must be one that GANTRY_TLS_CA verifies.")
    )
    tls_server_name = models.CharField(
        _("name in its certificate"),
        max_length=255,
        blank=True,
        default="",
        validators=[validate_server_name],
        help_text=_("With TLS: when it is not the host, such as an AE title. Empty: the host."),
    )
    comment = models.CharField(max_length=200, blank=True, help_text=_("Which device this is, and whom to call."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["ae_title", "host", "port"]
        constraints = [
            models.UniqueConstraint(
                fields=["ae_title", "host", "port"],
                name="remote_node_once",
                violation_error_message=_("There is a node with this AE title, host and port already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.ae_title} at {self.host}:{self.port}"


def find_node(ae_title: str, source_address: str) -> RemoteNode | None:
    """Where to call a device back that called us; None when that is not known.

    Of several with its AE title it is the one at the address that it called from, and without such a one nobody: a
    report must not go to another device.
    """
    nodes = list(RemoteNode.objects.filter(ae_title=ae_title))
    at_source = [node for node in nodes if node.host == source_address]
    candidates = at_source or nodes
    return candidates[0] if len(candidates) == 1 else None
