"""Says that there may be work: a message that may be lost, since the sweep says the same again.

The listener rings by a thread, so that it never waits for the broker.
"""

import logging
import threading
import time
from typing import Any

from celery import Task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
# At most two messages a second and process, whatever comes in: one costs as much as receiving several instances. The
# index looks for more by itself for twice as long.
PAUSE_SECONDS = 0.5
EXPIRES_SECONDS = 30


def ring(task: "Task[Any, None]", *args: int | str, after_seconds: float = 0) -> None:
    """Publish a task, to run at once or some seconds later; a broker that is down is no reason to fail."""
    later: dict[str, Any] = {"countdown": after_seconds} if after_seconds else {}
    try:
        task.apply_async(args=args, expires=EXPIRES_SECONDS, **later)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("bell not heard", extra={"task": task.name, "error": str(error)})


def prepare_bells() -> None:
    """Load all that publishing needs, and open nothing: before a fork, so that no process has to do it at its first."""
    from studies import tasks

    app = tasks.index_spool.app
    app.finalize(auto=True)
    _ = app.backend, app.amqp.queues, app.amqp.router, app.amqp.create_task_message
    with app.connection_for_write() as connection:  # an object that has not connected
        _ = connection.transport_cls


class Doorbell:
    """A thread that publishes a task of the archive soon after it was rung; a broker that is down is passed over."""

    def __init__(self, task_name: str = "index_spool") -> None:
        """Name the task by its function in ``studies.tasks``."""
        self._task_name = task_name
        self._rung = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ring(self) -> None:
        """Return at once; the thread starts at the first ring, so after any fork."""
        self._rung.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._publish_forever, name="doorbell", daemon=True)
                    self._thread.start()

    def _publish_forever(self) -> None:
        from studies import tasks  # at the first ring: the listener's start needs no Celery

        task = getattr(tasks, self._task_name)
        while self._rung.wait():
            self._rung.clear()
            ring(task)
            time.sleep(PAUSE_SECONDS)
