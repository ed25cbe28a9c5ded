"""Run the whole suite on SQLite and then on PostgreSQL, beside a real Valkey: ``python -m tests.run``.

Arguments are handed on to pytest.
The last line is the sum of both: ``N passed, N failed, N skipped``. With ``CI=true`` a skip is a failure.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from gateway.supervisor.parent_death import die_with_parent
from gateway.viewer.build import build_missing
from tests import debian, node, ohif
from tests.servers import postgresql, valkey
from tests.tally import Tally, read_tally

ROOT = Path(__file__).resolve().parent.parent
# The suite says itself what it runs with; what this machine's installation uses stays out of it.
_OWN_VARIABLES = ("GANTRY_", "DJANGO_", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "TEST_REDIS_URL")


def main(arguments: list[str]) -> int:
    """Run both passes; the exit status is 0 when every test that ran passed, and some did."""
    debian.install_missing(partial(print, flush=True))
    node.install_missing(partial(print, flush=True))
    build_missing(partial(print, flush=True))
    ohif.install_missing(partial(print, flush=True))
    is_ci = os.environ.get("CI", "").lower() == "true"
    with ExitStack() as servers:
        redis_url = os.environ.get("TEST_REDIS_URL") or servers.enter_context(valkey())
        total = _pass("SQLite", {"TEST_REDIS_URL": redis_url}, arguments)
        database_url = os.environ.get("DATABASE_URL") or servers.enter_context(postgresql())
        variables = {"TEST_REDIS_URL": redis_url, "DATABASE_URL": database_url}
        total += _pass("PostgreSQL", variables, ["-m", "not embedded", *arguments])
    print()
    if is_ci and total.skipped:
        print("CI=true: a skipped test counts as a failure.")
    if not total.passed and not total.failed:
        print("No test ran.")
    print(total, flush=True)
    return 0 if total.passed and not total.failed and not (is_ci and total.skipped) else 1


def _pass(name: str, variables: dict[str, str], arguments: list[str]) -> Tally:
    """One run of pytest, its output as it comes."""
    print(f"\n=== Tests on {name}", flush=True)
    # Short, for a socket's address must fit under it.
    with tempfile.TemporaryDirectory(prefix="gt-", dir="/tmp") as folder:
        report = Path(folder) / "report.xml"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)} | {
            "GANTRY_HOME": str(Path(folder) / "home"),
            "GANTRY_SPOOL_HIGH_PERCENT": "100",  # how full the tests' own machine is, is no matter here
            **variables,
        }
        dictionary = debian.dictionary_path()
        if dictionary:
            environment.setdefault("DCMDICTPATH", dictionary)
        parent_pid = os.getpid()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments],
            cwd=ROOT,
            env=environment,
            preexec_fn=lambda: die_with_parent(parent_pid),
            check=False,
        )
        tally = read_tally(report, done.returncode)
    print(f"=== {name}: {tally}", flush=True)
    return tally


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
