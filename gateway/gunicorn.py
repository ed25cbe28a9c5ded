"""How gunicorn runs the portal and the API: few processes with threads, none outlives its parent."""

import gc
import os
from typing import Any

from prometheus_client import multiprocess

from gateway.env import read_environment
from gateway.supervisor.parent_death import die_with_parent
from gateway.supervisor.ready import announce_ready

_environment = read_environment()
_host, _port = _environment.http_bind

bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"
worker_class = "gateway.web_worker.LingeringWorker"
workers = 2
threads = 8
# One import of the application for all workers; a worker that is replaced serves at once.
preload_app = True
timeout = 60
# Shorter than the ten seconds after which the supervisor loses patience.
graceful_timeout = 8
keepalive = 15
max_requests = 0
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
accesslog = None
errorlog = "-"
loglevel = "warning"
# Its default place is the home directory, which two installations of one user would share.
control_socket_disable = True
# Who may say that a request came by HTTPS; unset, gunicorn believes this machine.
if _environment.trusted_proxies:
    forwarded_allow_ips = ",".join(sorted(_environment.trusted_proxies))


def when_ready(_server: Any) -> None:
    """The port is open."""
    announce_ready()


def post_fork(server: Any, _worker: Any) -> None:
    """In each new worker."""
    gc.freeze()  # what was imported stays: to look through it for garbage cost a tenth of the time of short requests
    die_with_parent(server.pid)


def post_worker_init(worker: Any) -> None:
    """It has loaded the application, and is about to serve."""
    from gateway.nodes.hearts import web_worker_begins  # models are there only now

    web_worker_begins(worker)


def worker_exit(_server: Any, _worker: Any) -> None:
    """In a worker that ends as it was asked to."""
    from gateway.nodes.hearts import end

    end()


def child_exit(_server: Any, worker: Any) -> None:
    """A worker ended: its gauges are no longer part of the sum."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
