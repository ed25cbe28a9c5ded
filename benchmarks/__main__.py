"""Measure Gantry beside its peers on the same files in one run: ``python -m benchmarks`` (``make bench``).

Each trial has a fresh, empty peer. All trials of a round run in shuffled order, and the tables show medians over the
rounds with the least and the most. It is no test: nothing fails for being slow.
"""

import argparse
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks.bars import GANTRY, GANTRY_PG
from benchmarks.bench import Bench
from benchmarks.database import durable_postgresql
from benchmarks.figures import Run
from benchmarks.gantry import prepare
from benchmarks.peers_installed import missing_peers
from benchmarks.receivers import Failed
from benchmarks.report import show, write
from benchmarks.tasks import Trial, trials
from benchmarks.wire import NotAnswered
from gateway.env import BASE_DIR

RESULTS = BASE_DIR / "benchmarks" / "results"
WHOLE = {"ct": 640, "journey": 2000, "mr": 1280, "mg": 32, "big": 4, "retrieve": 500}
QUICK = {"ct": 320, "journey": 640, "mr": 480, "mg": 16, "big": 4, "retrieve": 500}
LEFT_OUT_WHEN_QUICK = {
    *("receive-mr-1", "receive-mr-4", "receive-mg-1", "receive-mg-4", "receive-mg-16", "receive-big-4"),
    *("receive-ct-1", "queryable-idle", "idle"),
}
console = Console()


def main() -> None:
    """Parse the options, measure, show and write."""
    options = parse()
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)  # each installation that is measured has its own
    notes = missing_peers(console.print)
    with bench(options) as common:
        chosen = [trial for trial in trials(common) if is_chosen(trial, options)]
        runs = run_all(chosen, options.repeat, options.seed)
    notes += [
        f"{options.repeat} round(s) in shuffled order; median (least-most).",
        f"Load of the machine at the end: {os.getloadavg()[0]:.1f}.",
        "DCMTK and Orthanc have TCP_NODELAY=1 except where it says 'as installed'.",
    ]
    show(runs)
    name = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M")
    write(runs, notes, RESULTS, name)
    console.print(f"Written to {(RESULTS / name).relative_to(BASE_DIR)}.md and .json")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer files, one round, fewer tasks: about five minutes")
    parser.add_argument("--only", default="", help="tasks whose names begin so: receive-ct,receive-mr-16,send")
    parser.add_argument("--peers", default="", help="peers whose names hold one of these words: gantry,orthanc")
    parser.add_argument("--repeat", type=int, default=0, help="rounds (3; quick 1)")
    parser.add_argument("--folder", type=Path, default=None, help="where to write: on the disk that is to be measured")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the order")
    options = parser.parse_args()
    options.repeat = options.repeat or (1 if options.quick else 3)
    return options


def is_chosen(trial: Trial, options: argparse.Namespace) -> bool:
    """Whether the options name this trial."""
    name = trial.task.replace(" ", "-")
    only = [word for word in options.only.split(",") if word]
    peers = [word.lower() for word in options.peers.split(",") if word]
    if options.quick and not only and name in LEFT_OUT_WHEN_QUICK:
        return False
    is_named = not only or any(name == word or name.startswith(f"{word}-") for word in only)
    return is_named and (not peers or any(word in trial.peer.lower() for word in peers))


@contextmanager
def bench(options: argparse.Namespace) -> Iterator[Bench]:
    """Folder, database server and prepared installations."""
    words = [word.lower() for word in options.peers.split(",") if word]

    def is_wanted(peer: str) -> bool:
        return not words or any(word in peer.lower() for word in words)

    with ExitStack() as stack:
        # Short: the address of the embedded broker's socket must fit under it.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gb-", dir=options.folder)))
        common = Bench(folder, QUICK if options.quick else WHOLE)
        if is_wanted(GANTRY):
            console.print("Preparing Gantry on SQLite ...")
            common.embedded = prepare(folder / "embedded", None)
        if is_wanted(GANTRY_PG) or is_wanted("orthanc, postgresql"):
            console.print("Preparing PostgreSQL ...")
            common.server = stack.enter_context(durable_postgresql())
            common.on_postgresql = prepare(folder / "on-pg", common.server)
        yield common


def run_all(chosen: list[Trial], repeat: int, seed: int) -> list[Run]:
    """Every trial in each round; a failure is a result too. Ctrl-C ends early with what there is."""
    order = random.Random(seed)  # noqa: S311 (an order, no secret)
    runs: list[Run] = []
    began = time.monotonic()
    try:
        for number in range(repeat):
            for trial in order.sample(chosen, len(chosen)):
                runs.append(run_one(trial))
                left = (time.monotonic() - began) / len(runs) * (repeat * len(chosen) - len(runs))
                say(runs[-1], number + 1, f"{len(runs)}/{repeat * len(chosen)}, {left / 60:.0f} min left")
    except KeyboardInterrupt:
        console.print("Interrupted: the tables hold what was measured until now.")
    # In the order of the tasks, not in that of the runs.
    names = [(trial.task, trial.peer) for trial in chosen]
    return sorted(runs, key=lambda run: names.index((run.task, run.peer)))


def run_one(trial: Trial) -> Run:
    """One run; what a peer does wrong is its result."""
    try:
        figures = trial.run()
    except (Failed, NotAnswered, AssertionError, OSError, subprocess.SubprocessError, psutil.Error) as error:
        return Run(trial.task, trial.peer, problem=" ".join(f"{type(error).__name__}: {error}".split())[:500])
    return Run(trial.task, trial.peer, figures)


def say(run: Run, number: int, progress: str) -> None:
    """One line of progress."""
    words = run.problem or ", ".join(f"{value:.3g} {name}" for name, value in list(run.figures.items())[:3])
    print(f"[{progress}] round {number}: {run.task}, {run.peer}: {words}", flush=True)


if __name__ == "__main__":
    main()
