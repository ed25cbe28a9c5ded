"""Which federation answers to an AE title: known in this process, and read anew every few seconds."""

import logging
import time
from collections.abc import Mapping

from django.conf import settings
from django.db import DatabaseError, connection

from spanner.models import SpanningConfig

logger = logging.getLogger(__name__)
REFRESH_SECONDS = 3.0
_known: tuple[float, Mapping[str, SpanningConfig]] = (0.0, {})


def federation_of(ae_title: str) -> SpanningConfig | None:
    """The federation with this AE title as of the last seconds; while the database is down, as it was last known."""
    global _known  # noqa: PLW0603 (one for the process, whichever thread reads it anew)
    until, found = _known
    if time.monotonic() >= until:
        # Whoever comes meanwhile does not wait for a slow database, too.
        _known = time.monotonic() + REFRESH_SECONDS, found
        found = _read(found)
        _known = time.monotonic() + REFRESH_SECONDS, found
    return found.get(ae_title)


def forget() -> None:
    """Read anew when the next one asks."""
    global _known  # noqa: PLW0603 (as above)
    _known = (0.0, {})


def _read(before: Mapping[str, SpanningConfig]) -> Mapping[str, SpanningConfig]:
    try:
        rows = list(SpanningConfig.objects.filter(is_enabled=True).exclude(ae_title=""))
    except DatabaseError as error:
        logger.warning("AE titles of federations not read", extra={"error": type(error).__name__})
        return before
    finally:
        connection.close()  # an association waits for it in a thread that may never come here again
    return {row.ae_title: row for row in rows if row.ae_title not in settings.DICOM_SERVICES}
