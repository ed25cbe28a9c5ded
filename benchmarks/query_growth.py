"""What 25 times as many studies cost a search: C-FIND and QIDO-RS at 2,000 and at 50,000 studies, Gantry alone.

``python -m benchmarks.query_growth``. The further studies are those of ``manage.py seed``: rows alone, of other people
and of dates before those that are asked for, so that a question has as many matches as before.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import percentile
from benchmarks.gantry import gantry, prepare
from benchmarks.query import (
    PATIENT,
    QUERIES,
    RANGE,
    STUDIES,
    authorization_for,
    finder,
    searcher,
    store_studies,
    together,
    write_studies,
)
from benchmarks.receivers import Failed, Receiver
from dicomnet.wire.peer import Peer

MANY = 50_000
TIMES = 300
SEED_SECONDS = 600
BAR = 1.5
LAST_DAY = "2016-12-31"  # of what is added; questions are about later ones


def measure(receiver: Receiver, authorization: str) -> dict[str, float]:
    """Median milliseconds of each kind of question, asked by one client."""
    peer = Peer(receiver.address.ae_title, "127.0.0.1", receiver.address.port, "BENCH")
    asking = {f"C-FIND {kind}": partial(finder, peer, kind) for kind in (PATIENT, RANGE)}
    for kind, query in QUERIES.items():
        asking[f"QIDO {kind}"] = partial(searcher, receiver.http_port, authorization, query)
    return {kind: percentile(together(1, TIMES, client), 0.5) * 1000 for kind, client in asking.items()}


def main() -> None:
    """Store, ask, add, ask again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=MANY, help="in the end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        folder = Path(name)
        with gantry(folder, prepare(folder / "template", None)) as (receiver, running):
            store_studies(receiver, write_studies(folder / "files"))
            authorization = authorization_for(running)
            few = measure(receiver, authorization)
            more = ("--studies", str(options.studies - STUDIES), "--until", LAST_DAY, "--images-per-study", "1")
            if (done := running.run("seed", *more, "--beside-real", seconds=SEED_SECONDS)).returncode:
                raise Failed(done.stderr)
            many = measure(receiver, authorization)
    table = Table("question, p50 ms", f"{STUDIES:,} studies", f"{options.studies:,} studies", "growth", "verdict")
    for kind, milliseconds in few.items():
        growth = many[kind] / milliseconds
        verdict = "reached" if growth <= BAR else "missed"
        table.add_row(kind, f"{milliseconds:.2f}", f"{many[kind]:.2f}", f"{growth:.2f} x", verdict)
    Console().print(table)


if __name__ == "__main__":
    main()
