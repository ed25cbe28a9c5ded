"""Keep the lease of a move while a location takes its time: one request may take longer than a lease."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

from tiering import claim
from tiering.models import Move

logger = logging.getLogger(__name__)
EVERY_SECONDS = 20.0


@contextmanager
def keeping(move: Move) -> Iterator[None]:
    """Renew the lease for as long as this goes on, and the process lives."""
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(move, over), name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(move: Move, over: threading.Event) -> None:
    try:
        while not over.wait(EVERY_SECONDS):
            try:
                claim.renew(move)
            except claim.MoveLost:
                return  # whoever carries it out hears so with its next beat
            except DatabaseError as error:
                logger.warning("lease not renewed now", extra={"move": move.pk, "reason": type(error).__name__})
    finally:
        connection.close()
