"""Run the whole suite on SQLite and beside it on PostgreSQL, with a real Valkey: ``python -m tests.run``.

Arguments are handed on to pytest. A few tests that failed are run once more when both passes are over.
The last line is the sum of both: ``N passed, N failed, N skipped``. With ``CI=true`` a skip is a failure.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from gateway.supervisor.parent_death import die_with_parent
from gateway.viewer.build import build_missing
from tests import debian, node, ohif
from tests.servers import postgresql, valkey
from tests.tally import Tally, failed_names, ran_names, read_tally

ROOT = Path(__file__).resolve().parent.parent
MOST_LOOKED_AT_TWICE = 5  # of each pass; more at once are no matter of time
# The suite says itself what it runs with; what this machine's installation uses stays out of it.
_OWN_VARIABLES = ("GANTRY_", "DJANGO_", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "TEST_REDIS_URL")


def main(arguments: list[str]) -> int:
    """Run both passes; the exit status is 0 when every test that ran passed, and some did."""
    debian.install_missing(partial(print, flush=True))
    node.install_missing(partial(print, flush=True))
    build_missing(partial(print, flush=True))
    ohif.install_missing(partial(print, flush=True))
    is_ci = os.environ.get("CI", "").lower() == "true"
    with ExitStack() as stack:
        redis_url = os.environ.get("TEST_REDIS_URL") or stack.enter_context(valkey())
        database_url = os.environ.get("DATABASE_URL") or stack.enter_context(postgresql())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gt-", dir="/tmp")))
        redis = {"TEST_REDIS_URL": redis_url}
        both = redis | {"DATABASE_URL": database_url}
        passes = [
            Pass("SQLite", folder / "s", redis, arguments, is_shown_live=True),
            Pass("PostgreSQL", folder / "p", both, ["-m", "not embedded", *arguments]),
        ]
        with ThreadPoolExecutor(len(passes)) as threads:
            tallies = list(threads.map(Pass.run, passes))
        for one, tally in zip(passes, tallies, strict=True):
            one.show(tally)
        total = sum((one.looked_at_twice(tally) for one, tally in zip(passes, tallies, strict=True)), Tally())
    print()
    if is_ci and total.skipped:
        print("CI=true: a skipped test counts as a failure.")
    if not total.passed and not total.failed:
        print("No test ran.")
    print(total, flush=True)
    return 0 if total.passed and not total.failed and not (is_ci and total.skipped) else 1


@dataclass(frozen=True)
class Pass:
    """The suite on one database.

    Attributes:
        folder: its own, for all that it writes; short, for a socket's address must fit under it.
        is_shown_live: its output is seen as it comes; of the other pass it is kept for the end.
    """

    name: str
    folder: Path
    variables: dict[str, str]
    arguments: list[str]
    is_shown_live: bool = False

    def run(self) -> Tally:
        """All of it."""
        print(f"=== Tests on {self.name} begin", flush=True)
        self.folder.mkdir()
        if self.is_shown_live:
            return self._pytest("report.xml", self.arguments, None)
        with (self.folder / "output").open("wb") as output:
            return self._pytest("report.xml", self.arguments, output)

    def show(self, tally: Tally) -> None:
        """What it printed, where that was not seen yet, and its count."""
        if not self.is_shown_live:
            print(f"\n=== Tests on {self.name}", flush=True)
            with (self.folder / "output").open("rb") as output:
                shutil.copyfileobj(output, sys.stdout.buffer)
        print(f"=== {self.name}: {tally}", flush=True)

    def looked_at_twice(self, tally: Tally) -> Tally:
        """The count after the few that failed have run once more with nothing beside them.

        A machine that is busy with both passes is slower than some peers' own patience, which is not ours to change.
        Each of those that pass now is named: it depends on time, and wants mending.
        """
        first = failed_names(self.folder / "report.xml")
        if not first or len(first) != tally.failed or len(first) > MOST_LOOKED_AT_TWICE:
            return tally
        print(f"\n=== {self.name}: once more, alone: {', '.join(first)}", flush=True)
        self._pytest("again.xml", [*self.arguments, "--last-failed", "--last-failed-no-failures=none"], None)
        still = failed_names(self.folder / "again.xml")
        passed = sorted((set(first) - set(still)) & ran_names(self.folder / "again.xml"))
        for name in passed:
            print(f"=== {self.name}: FAILED AT FIRST, passed alone: {name}", flush=True)
        return tally + Tally(passed=len(passed), failed=-len(passed))

    def _pytest(self, report: str, arguments: list[str], output: BinaryIO | None) -> Tally:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)} | {
            "GANTRY_HOME": str(self.folder / "home"),
            "GANTRY_SPOOL_HIGH_PERCENT": "100",  # how full the tests' own machine is, is no matter here
            **self.variables,
        }
        dictionary = debian.dictionary_path()
        if dictionary:
            environment.setdefault("DCMDICTPATH", dictionary)
        parent_pid = os.getpid()
        command = [sys.executable, "-m", "pytest", f"--junitxml={self.folder / report}"]
        done = subprocess.run(
            [*command, "-o", f"cache_dir={self.folder / 'cache'}", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            preexec_fn=lambda: die_with_parent(parent_pid),
            check=False,
        )
        return read_tally(self.folder / report, done.returncode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
