"""The stored secrets of all apps at once: of destinations, slower tiers, sources, webhooks and second factors.

What is kept of an earlier configuration has secrets too: they are encrypted anew with the others.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from dicomnet.web.secrets import SecretUnusable, rotated
from gateway.accounts.models import User
from gateway.configuration.models import ConfigSnapshot
from gateway.webhooks.models import Webhook
from routing.models import Destination
from spanner.models import Source
from tiering.models import Location

# Each with its field, and that by which people know the row.
STORED: Sequence[tuple[type[Model], str, str]] = (
    (Destination, "secret", "name"),
    (Location, "secret_key", "name"),
    (Source, "secret", "name"),
    (User, "totp_secret", "username"),
    (Webhook, "secret", "name"),
    (Webhook, "former_secret", "name"),
)


def encrypt_anew() -> tuple[int, list[str]]:
    """Encrypt every stored secret under the first key, so that the others may be thrown away.

    Returns:
        How many were, and the names of those whose secret no key decrypts.
    """
    count, lost = 0, []
    for model, field, name_field in STORED:
        rows: Any = model._default_manager
        for pk, name, sealed in rows.exclude(**{field: ""}).values_list("pk", name_field, field):
            try:
                fresh = rotated(sealed)
            except SecretUnusable:
                lost.append(name)
                continue
            # Only if nobody entered another one meanwhile.
            count += rows.filter(pk=pk, **{field: sealed}).update(**{field: fresh})
    return count + _anew_in_snapshots(), lost


def _anew_in_snapshots() -> int:
    """Those of earlier configurations; one that no key decrypts is as lost as it was."""
    count = 0
    for snapshot in ConfigSnapshot.objects.only("sealed"):
        for names in snapshot.sealed.values():
            for name, sealed in names.items():
                try:
                    names[name] = rotated(sealed)
                except SecretUnusable:
                    continue
                count += 1
        snapshot.save(update_fields=["sealed"])
    return count
