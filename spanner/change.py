"""Save what was changed of a source, and nothing of how it did lately."""

from collections.abc import Mapping
from typing import Any

from spanner.models import Source

# Another place, or another way in: what is known of the old one says nothing of it.
_WAY = frozenset(
    {"kind", "ae_title", "host", "port", "tls", "tls_server_name", "calling_ae_title", "url", "authentication",
     "username", "secret"}
)  # fmt: skip


def change_source(source: Source, values: Mapping[str, Any]) -> Source:
    """Save these values; a source that is reached in another way now is asked at once, whatever failed before.

    Only what is named is written: processes that ask it write its health into the same row.
    """
    is_elsewhere = any(name in _WAY and getattr(source, name) != value for name, value in values.items())
    changes = dict(values)
    if is_elsewhere:
        changes |= {"failures_in_a_row": 0, "open_until": None, "last_error": ""}
    for name, value in changes.items():
        setattr(source, name, value)
    source.save(update_fields=[*changes, "updated_at"])
    return source
