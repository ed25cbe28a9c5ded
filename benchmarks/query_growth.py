"""What 25 times as many studies cost a search: C-FIND and QIDO-RS at 2,000 and at 50,000 studies, Gantry alone.

``python -m benchmarks.query_growth``. The further studies are rows alone, of other patients and of dates before those
that are asked for, so that a question has as many matches as before.
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
BAR = 1.5
FILL = """
from studies.models import Instance, Series, Study
from studies.statements import insert_rows

held = {{model: list(model.objects.order_by("pk").values()) for model in (Study, Series, Instance)}}
study_pks, series_pks = ([row["id"] for row in held[model]] for model in (Study, Series))
def added(model, last):
    return model.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)

for round in range(1, {rounds}):
    last = [model.objects.order_by("-pk")[0].pk for model in (Study, Series)]
    def more(model, **changed):
        return [row | {{name: change(row) for name, change in changed.items()}} for row in held[model]]
    insert_rows(Study, more(Study,
        study_instance_uid=lambda row: row["study_instance_uid"] + f".{{round}}",
        patient_id=lambda row: row["patient_id"] + f"-{{round}}",
        study_date=lambda row: f"{{1930 + (round * 7 + row['id']) % 87}}" + row["study_date"][4:]))
    new_studies = dict(zip(study_pks, added(Study, last[0])))
    insert_rows(Series, more(Series,
        series_instance_uid=lambda row: row["series_instance_uid"] + f".{{round}}",
        study_id=lambda row: new_studies[row["study_id"]]))
    new_series = dict(zip(series_pks, added(Series, last[1])))
    insert_rows(Instance, more(Instance,
        sop_instance_uid=lambda row: row["sop_instance_uid"] + f".{{round}}",
        series_id=lambda row: new_series[row["series_id"]]))
"""


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
            code = FILL.format(rounds=options.studies // STUDIES)
            if (done := running.run("shell", "--no-imports", "-c", code)).returncode:
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
