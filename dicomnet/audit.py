"""What has to be on record is said here, by any layer; who keeps the record is named in ``settings.AUDIT_TRAIL``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """What somebody did; docs/audit.md names the events of PS3.15 A.5 that they are."""

    SIGNED_IN = "sign-in", _("Signed in")
    SIGN_IN_FAILED = "sign-in-failed", _("Sign-in failed")
    SIGNED_OUT = "sign-out", _("Signed out")
    REFUSED = "refused", _("Refused")
    CREATED = "created", _("Setting created")
    CHANGED = "changed", _("Setting changed")
    REMOVED = "removed", _("Setting deleted")
    ACCESSED = "accessed", _("Looked at")
    EXPORTED = "exported", _("Downloaded")
    QUERIED = "queried", _("Searched")
    RECEIVED = "received", _("Received")
    SENT = "sent", _("Sent")
    DELETED = "deleted", _("Deleted")
    AUDIT_USED = "audit-used", _("Audit trail read")
    AUDIT_EXPORTED = "audit-exported", _("Audit trail exported")
    AUDIT_VERIFIED = "audit-verified", _("Audit trail verified")
    AUDIT_ARCHIVED = "audit-archived", _("Audit trail archived")


class ActorKind(models.TextChoices):
    """Who did it."""

    PERSON = "person", _("Person")
    KEY = "key", _("API key")
    DEVICE = "device", _("Device")
    SYSTEM = "system", _("Gantry itself")


@dataclass(frozen=True, slots=True)
class Entry:
    """One act.

    Attributes:
        actor: a user's or key's name, an AE title; empty: whoever is asking now.
        address: from where, without a port.
        subject: what else it was done to: a destination, a rule, the title of a query.
        number: of instances.
        detail: what else is worth knowing, never a secret nor a patient's name.
    """

    action: Action
    actor: str = ""
    actor_kind: ActorKind = ActorKind.SYSTEM
    address: str = ""
    patient_id: str = ""
    study_instance_uid: str = ""
    subject: str = ""
    number: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)


def record(*entries: Entry) -> None:
    """Put acts on record within the caller's transaction: they are there exactly when what was done is."""
    _trail().record(*entries)


def note(*entries: Entry) -> None:
    """Put acts that change nothing on record within seconds, without asking the database now."""
    _trail().note(*entries)


@cache
def _trail() -> Any:
    return import_module(settings.AUDIT_TRAIL)
