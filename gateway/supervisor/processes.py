"""The processes that make up Gantry, and the command line of each."""

import os
import sys
from pathlib import Path

from gateway.env import BASE_DIR, Environment
from gateway.supervisor.child import Child, Program
from gateway.supervisor.valkey import valkey_program

# What receives stops first and what the others lean on stops last.
_RECEIVER, _WEB, _BEAT, _WORKERS, _BROKER = range(5)
# A lane that is driven holds one, a dead peer's for as long as a call waits for it: so many that all that an
# installation may have of these leave some to the others. One that is not used costs nothing.
DELIVER_THREADS = 64
SPAN_THREADS = 64  # each waits for one source


def broker(environment: Environment) -> list[Program]:
    """The embedded broker, or nothing when the installation has its own."""
    if not environment.is_broker_embedded:
        return []
    server = valkey_program(socket_path=environment.broker_socket, data_dir=environment.run_dir, stop_turn=_BROKER)
    return [server]


def programs(environment: Environment) -> list[Program]:
    """Everything that needs the prepared database."""
    python = sys.executable
    gunicorn = (python, "-m", "gunicorn", "gateway.wsgi", "-c", str(BASE_DIR / "gateway" / "gunicorn.py"))
    celery = (python, "-m", "celery", "-A", "gateway")
    worker = (*celery, "worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle")
    schedule = str(environment.run_dir / "beat")
    return [
        Program("web", gunicorn, _WEB),
        Program("scp", (python, str(BASE_DIR / "manage.py"), "runscp"), _RECEIVER),
        # Several workers: peers that keep a delivery waiting never keep the rules waiting, and these never the index.
        Program("worker-index", (*worker, "-Q", "index", "-P", "solo", "-n", "index@%h"), _WORKERS),
        Program("worker-plan", (*worker, "-Q", "plan,default", "-P", "solo", "-n", "plan@%h"), _WORKERS),
        # Bringing studies from other archives waits for peers as delivering does, and a few of its threads are enough;
        # the queue is one of its own, so that a large site may give it a worker of its own.
        Program(
            "worker-deliver",
            (*worker, "-Q", "deliver,fetch", "-P", "threads", "-c", str(DELIVER_THREADS), "-n", "deliver@%h"),
            _WORKERS,
        ),
        # Apart, so that an AI worker that is slow or gone costs no delivery its thread; and behind all others when the
        # processor is short, for its copies may wait and the originals may not.
        Program(
            "worker-ai", ("nice", "-n", "10", *worker, "-Q", "ai", "-P", "threads", "-c", "16", "-n", "ai@%h"), _WORKERS
        ),
        # Copying and hashing whole studies; behind all that receives, finds and delivers.
        Program(
            "worker-tier",
            ("nice", "-n", "10", *worker, "-Q", "tier", "-P", "threads", "-c", "2", "-n", "tier@%h"),
            _WORKERS,
        ),
        *_span_workers(environment, worker),
        Program(
            "beat",
            (*celery, "beat", "--loglevel", "WARNING", "--schedule", schedule, "--pidfile="),
            _BEAT,
        ),
    ]


def _span_workers(environment: Environment, worker: tuple[str, ...]) -> list[Program]:
    """The worker that asks the sources of federations, where it is not the process itself that was asked."""
    if environment.span_executor != "celery":
        return []
    threads = ("-P", "threads", "-c", str(SPAN_THREADS))
    return [Program("worker-span", (*worker, "-Q", "span", *threads, "-n", "span@%h"), _WORKERS)]


def children(programs: list[Program], environment: Environment) -> list[Child]:
    """These programs as children that share one environment and one place for logs and marks."""
    # Passed on as it is, gateway.env reads it again in each child; the password stays here.
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SUPERUSER_PASSWORD"}
    shared = {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "gateway.settings.base",
        "PYTHONUNBUFFERED": "1",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics_dir(environment)),
    }
    return [
        Child(
            program,
            log_dir=environment.log_dir,
            ready_dir=environment.run_dir / "ready",
            environment=shared,
            working_dir=BASE_DIR,
        )
        for program in programs
    ]


def metrics_dir(environment: Environment) -> Path:
    """Where the processes of one host keep their counters for ``/metrics``."""
    return environment.run_dir / "metrics"
