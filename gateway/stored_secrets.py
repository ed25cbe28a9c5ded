"""The stored secrets of all apps at once: of destinations, of slower tiers, and of the sources of federations."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from dicomnet.web.secrets import SecretUnusable, rotated
from routing.models import Destination
from spanner.models import Source
from tiering.models import Location

# Each with its field; the name of a row is what people know it by.
STORED: Sequence[tuple[type[Model], str]] = ((Destination, "secret"), (Location, "secret_key"), (Source, "secret"))


def encrypt_anew() -> tuple[int, list[str]]:
    """Encrypt every stored secret under the first key, so that the others may be thrown away.

    Returns:
        How many were, and the names of those whose secret no key decrypts.
    """
    count, lost = 0, []
    for model, field in STORED:
        rows: Any = model._default_manager
        for pk, name, sealed in rows.exclude(**{field: ""}).values_list("pk", "name", field):
            try:
                fresh = rotated(sealed)
            except SecretUnusable:
                lost.append(name)
                continue
            # Only if nobody entered another one meanwhile.
            count += rows.filter(pk=pk, **{field: sealed}).update(**{field: fresh})
    return count, lost
