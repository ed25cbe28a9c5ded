"""Who may call this gateway, and for what."""

from ipaddress import ip_network

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from dicomnet.ae_title import validate_ae_title
from dicomnet.remote_nodes import RemoteNode
from dicomnet.restrictions import validate_certificates, validate_move_destinations, validate_sop_classes

__all__ = ["ANY", "AllowlistEntry", "RemoteNode"]

ANY = "*"


def validate_calling_ae_title(value: str) -> None:
    """An AE title, or ``*`` for any."""
    if value != ANY:
        validate_ae_title(value)


def validate_network(value: str) -> None:
    """An address or a network in CIDR form, IPv4 or IPv6."""
    try:
        ip_network(value)
    except ValueError as error:
        raise ValidationError(
            _("Enter an address such as 10.1.2.3 or a network such as 10.1.2.0/24 (host bits zero).")
        ) from error


class AllowlistEntry(models.Model):
    """One line of the allowlist; what no entry allows is refused. Holds no patient data."""

    calling_ae_title = models.CharField(
        _("calling AE title"),
        max_length=16,
        default=ANY,
        validators=[validate_calling_ae_title],
        help_text=_("The title under which the device calls; * for any."),
    )
    network = models.CharField(
        max_length=49,
        validators=[validate_network],
        help_text=_("Where it may call from: an address, or a network such as 10.1.2.0/24."),
    )
    called_ae_title = models.CharField(
        _("called AE title"),
        max_length=16,
        blank=True,
        default="",
        validators=[validate_ae_title],
        help_text=_("The title that it must call; empty or * for every title of this gateway."),
    )
    requires_tls = models.BooleanField(
        _("only over TLS"), default=False, help_text=_("The entry does not hold for calls in plain text.")
    )
    certificates = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_certificates],
        help_text=_("One of these must be the caller's: SHA-256 fingerprint, or a name in it. None: any caller."),
    )
    may_echo = models.BooleanField(default=True, help_text=_("Ask for a sign of life (C-ECHO)."))
    may_store = models.BooleanField(default=True, help_text=_("Send instances (C-STORE)."))
    may_find = models.BooleanField(default=False, help_text=_("Search the archive (C-FIND)."))
    may_move = models.BooleanField(default=False, help_text=_("Have studies sent to a third party (C-MOVE)."))
    may_get = models.BooleanField(default=False, help_text=_("Fetch studies (C-GET)."))
    may_commit = models.BooleanField(default=False, help_text=_("Ask for proof of storage (Storage Commitment)."))
    sop_classes = models.JSONField(
        _("SOP Classes"),
        default=list,
        blank=True,
        validators=[validate_sop_classes],
        help_text=_("What it may store: keywords such as CTImageStorage, or UIDs. None: every storage class."),
    )
    move_destinations = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_move_destinations],
        help_text=_("The AE titles that it may have studies sent to by C-MOVE. None: each that this gateway knows."),
    )
    comment = models.CharField(max_length=200, blank=True, help_text=_("Which device this is, and whom to call."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "allowlist entries"
        ordering = ["calling_ae_title", "network", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["calling_ae_title", "network", "called_ae_title"],
                name="allowlist_one_entry_per_caller",
                violation_error_message=_("There is an entry for this AE title, network and called AE title already."),
            )
        ]

    def __str__(self) -> str:
        return _("%(ae_title)s from %(network)s") % {"ae_title": self.calling_ae_title, "network": self.network}

    @property
    def restrictions(self) -> str:
        """What narrows it beyond titles, network and rights, in a few words; empty when nothing does."""
        words = []
        if self.certificates:
            words.append(str(_("certificate")))
        elif self.requires_tls:
            words.append("TLS")
        if self.sop_classes:
            number = len(self.sop_classes)
            words.append(
                ngettext("stores %(number)d SOP Class", "stores %(number)d SOP Classes", number) % {"number": number}
            )
        if self.move_destinations:
            number = len(self.move_destinations)
            words.append(
                ngettext("moves to %(number)d AE title", "moves to %(number)d AE titles", number) % {"number": number}
            )
        return ", ".join(words)
