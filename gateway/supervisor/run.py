"""One run of the whole product: from the first check to the last stopped child."""

import os
import shutil

from gateway.env import Environment
from gateway.nodes.outbox import Outbox
from gateway.supervisor.closing import closing_text
from gateway.supervisor.journal import Journal
from gateway.supervisor.keep import Keeper
from gateway.supervisor.preflight import (
    make_writable,
    only_one,
    port_is_free,
    server_answers,
    tls_files_are_good,
)
from gateway.supervisor.processes import broker, children, metrics_dir, programs
from gateway.supervisor.wake import Wake


def run(environment: Environment) -> None:
    """Run until a signal asks to stop.

    Raises:
        CannotStart: with the children, if any, stopped again.
    """
    # Database, spool and store hold patient data: every file of every child is for this user only.
    os.umask(0o077)
    make_writable(
        environment.home,
        [
            environment.run_dir,
            environment.log_dir,
            environment.secrets_dir,
            environment.spool_dir,
            environment.storage,
            environment.broker_socket.parent,
        ],
    )
    with only_one(environment.run_dir / "supervisor.lock"):
        _check_addresses(environment)
        with Wake() as wake:
            keeper = Keeper(wake, Journal(Outbox(environment.run_dir)))
            try:
                _serve(environment, keeper)
            finally:
                keeper.stop()


def _check_addresses(environment: Environment) -> None:
    port_is_free(environment.http_bind, "GANTRY_HTTP_BIND")
    port_is_free(environment.dicom_bind, "GANTRY_DICOM_BIND")
    if environment.dicom_tls_bind is not None:
        port_is_free(environment.dicom_tls_bind, "GANTRY_DICOM_TLS_BIND")
    tls_files_are_good(environment)
    if environment.database_url:
        server_answers(environment.database_url, "DATABASE_URL")
    if not environment.is_broker_embedded:
        server_answers(environment.redis_url, "REDIS_URL")
        server_answers(environment.broker_url, "CELERY_BROKER_URL")


def _serve(environment: Environment, keeper: Keeper) -> None:
    # Loads Django's models, so only after the checks that need none of it.
    from gateway.supervisor.prepare import prepare

    _empty_metrics(environment)
    # The broker starts while the database is prepared.
    keeper.start(children(broker(environment), environment))
    sign_in = prepare(environment, say)
    if not keeper.wait_until_ready():
        return
    say("Starting ...")
    keeper.start(children(programs(environment), environment))
    if not keeper.wait_until_ready():
        return
    say(closing_text(environment, sign_in))
    keeper.keep_running()
    say("Stopping ...")


def _empty_metrics(environment: Environment) -> None:
    """Counters of processes of an earlier run would be added to those of this one."""
    directory = metrics_dir(environment)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)


def say(text: str) -> None:
    """Tell the person at the terminal, at once also when the output is a pipe."""
    print(text, flush=True)
