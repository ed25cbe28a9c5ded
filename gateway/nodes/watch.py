"""What one process of a host says for all of them: how the host does, what changed, and that the supervisor lives."""

import fcntl
import os
from datetime import UTC, datetime

import psutil
from django.db import transaction
from django.db.models.functions import Now

from gateway.env import Environment
from gateway.nodes import readings
from gateway.nodes.lights import Lights
from gateway.nodes.models import LONGEST_WORDS, Kind, Node, Process, SystemEvent
from gateway.nodes.outbox import Outbox
from gateway.nodes.version import running_code
from gateway.webhooks.tell import system_events

AT_ONCE = 100


class Watch:
    """Held by whichever process has the lock; the kernel gives it free with that process, and another takes it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._outbox = Outbox(environment.run_dir)
        self._lights = Lights(environment.node_name, self._outbox)
        self._descriptor: int | None = None
        self._supervisor_at: float | None = None

    def look(self) -> None:
        """Measure, compare, and write; nothing where another process does it.

        Raises:
            DatabaseError, OSError: later again. What has happened is kept in files until then.
        """
        if not self._is_ours():
            return
        if not self._is_stopping():
            self._lights.look()
        node, _ = Node.objects.update_or_create(
            name=self._environment.node_name,
            defaults={
                "version": running_code().version,
                "seen_at": Now(),
                **readings.host_reading(self._environment),
            },
        )
        self._tell_of_supervisor(node)
        self._carry()

    def end(self) -> None:
        """This process stops: the last of a host says also that the supervisor does."""
        if self._is_ours():
            node = Node.objects.filter(name=self._environment.node_name).first()
            if node is not None:
                self._tell_of_supervisor(node)
            self._carry()

    def _is_stopping(self) -> bool:
        """The supervisor stops one after the other: what goes down now is no failure."""
        found = self._outbox.supervisor()
        return found is not None and found[1]["is_stopping"] and psutil.pid_exists(found[1]["pid"])

    def _is_ours(self) -> bool:
        if self._descriptor is not None:
            return True
        # Of its own for each name: containers that are hosts of their own may share their files.
        path = self._environment.run_dir / f"watch-{self._environment.node_name}.lock"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def _tell_of_supervisor(self, node: Node) -> None:
        """It has no thread and no database of its own: its sign of life is a file, whose time must go on."""
        found = self._outbox.supervisor()
        if found is None:
            return
        at, told = found
        # The file of one that was killed stays, with the same time.
        is_alive = at != self._supervisor_at and psutil.pid_exists(told["pid"])
        self._supervisor_at = at
        rows = Process.objects.filter(node=node, kind=Kind.SUPERVISOR, pid=told["pid"], stopped_at=None)
        if told["is_stopping"]:
            rows.update(seen_at=Now(), stopped_at=Now())
            return
        now = {"seen_at": Now(), "rss_bytes": told["rss_bytes"]}
        if is_alive and not rows.update(**now):
            Process.objects.create(
                node=node,
                kind=Kind.SUPERVISOR,
                name=Kind.SUPERVISOR,
                pid=told["pid"],
                version=told["version"],
                commit=told["commit"],
                started_at=datetime.fromtimestamp(told["started_at"], UTC),
                appeared_at=Now(),
                **now,
            )

    def _carry(self) -> None:
        """Events from files to rows; one that is carried twice, since its file could not be removed, is one row."""
        batch = []
        for path, event in self._outbox.waiting():
            row = SystemEvent(
                at=datetime.fromisoformat(event.at),
                node=self._environment.node_name,
                kind=event.kind,
                subject=event.subject[:64],
                words=event.words[:LONGEST_WORDS],
            )
            batch.append((path, row))
            if len(batch) == AT_ONCE:
                break
        if batch:
            with transaction.atomic():
                _write([row for _, row in batch])
            for path, _ in batch:
                path.unlink(missing_ok=True)


def _write(rows: list[SystemEvent]) -> None:
    """Those that are not there yet, and who wants to know is told of them."""
    at_that_time = SystemEvent.objects.filter(at__in=[row.at for row in rows])
    known = set(at_that_time.values_list("at", "node", "kind", "subject"))
    new = [row for row in rows if (row.at, row.node, row.kind, row.subject) not in known]
    SystemEvent.objects.bulk_create(new, ignore_conflicts=True)
    system_events(new)
