"""The heart of a process: a thread that writes its row every fifteen seconds and disturbs nothing else."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress

import psutil
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections
from django.db.models.functions import Now

from gateway.nodes import readings
from gateway.nodes.models import Node, Process
from gateway.nodes.version import running_code
from gateway.nodes.watch import Watch

logger = logging.getLogger(__name__)
BEAT_SECONDS = 15
STOP_SECONDS = 1  # a process that is asked to stop waits no longer for its last words


class Heart:
    """Says that this process lives; one of them on each host also says how the host does (gateway.nodes.watch).

    Args:
        load: how many connections or tasks it has now; None where that means nothing.
    """

    def __init__(self, kind: str, name: str, load: Callable[[], int] | None = None) -> None:
        self._kind = kind
        self._name = name[:64]
        self._load = load
        self._pk: int | None = None
        self._is_silent = False
        self._stop = threading.Event()
        self._watch = Watch(settings.GANTRY)
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Begin; after any fork."""
        self._thread.start()

    def stop(self) -> None:
        """Say that it ends as it should, if that can be said at once."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._try(self._beat)
            self._try(self._watch.look)
            self._stop.wait(BEAT_SECONDS)
        self._try(self._last_beat)
        self._try(self._watch.end)

    def _try(self, write: Callable[[], None]) -> None:
        """The one place where a heart fails: it beats again later, and the log says so once."""
        try:
            try:
                write()
            finally:
                # Kept open it would be a connection for each process, for one statement in fifteen seconds.
                with suppress(DatabaseError):
                    connections.close_all()
        except (DatabaseError, psutil.Error, OSError) as error:
            if not self._is_silent:
                logger.warning("no sign of life given", extra={"of": self._name, "error": type(error).__name__})
            self._is_silent = True
        else:
            self._is_silent = False

    def _beat(self) -> None:
        code = running_code()
        load = self._load() if self._load else None
        now = {"seen_at": Now(), "load": load, "rss_bytes": readings.rss_bytes()}
        if self._pk is not None and Process.objects.filter(pk=self._pk).update(**now):
            return
        node, _ = Node.objects.get_or_create(name=settings.GANTRY.node_name)
        row = Process.objects.create(
            node=node,
            kind=self._kind,
            name=self._name,
            pid=os.getpid(),
            version=code.version,
            commit=code.commit,
            started_at=readings.started_at(),
            appeared_at=Now(),
            **now,
        )
        self._pk = row.pk

    def _last_beat(self) -> None:
        if self._pk is not None:
            Process.objects.filter(pk=self._pk).update(seen_at=Now(), stopped_at=Now())
