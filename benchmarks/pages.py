"""What pages and lists cost at the size of a hospital: 50,000 and 1,000,000 fictitious studies, eight clients at once.

``python -m benchmarks.pages [--studies 1000000] [--postgresql]``. The whole product runs, web by gunicorn as ever, and
``manage.py seed`` fills it. Each client has a connection and a session of its own and asks again as soon as it has its
answer; the clients run on the same machine.
"""

import argparse
import http.client
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.database import durable_postgresql
from benchmarks.figures import percentile
from benchmarks.gantry import gantry, prepare
from benchmarks.query import Ask, authorization_for, together
from benchmarks.receivers import Failed
from tests.journeys.product import Product

SMALL, LARGE = 50_000, 1_000_000
CLIENTS, TIMES, SEED = 8, 25, 1
SEED_SECONDS = 3 * 3600
PAGE_ROWS = 50
# p95 in milliseconds with SMALL and with LARGE studies.
BARS = {"list": (80, 150), "list, name": (150, 300), "list, modality and date": (150, 300), "dashboard": (300, 300)}
Query = Callable[[random.Random], str]
Headers = dict[str, str]


def questions(studies: int, known: list[tuple[str, str]]) -> dict[str, Query]:
    """What is asked, by its name: the address, of which some differ each time.

    Args:
        known: Study Instance UID and patient's name of some of them.
    """
    uids, last = [uid for uid, _ in known], [name.partition("^")[0] for _, name in known]

    def month(rnd: random.Random) -> str:
        first = f"2026-{rnd.randrange(1, 11):02}"
        return urlencode({"modality": "MR", "study_date_from": f"{first}-01", "study_date_to": f"{first}-28"})

    deepest = studies // PAGE_ROWS
    return {
        "list": lambda _: "/studies/",
        "list, name": lambda rnd: f"/studies/?patient_name={quote(rnd.choice(last))}",
        "list, modality and date": lambda rnd: f"/studies/?{month(rnd)}",
        "list, by name": lambda _: "/studies/?ordering=patient_name",
        "list, deep page": lambda rnd: f"/studies/?page={rnd.randrange(deepest // 2, deepest)}",
        "study": lambda rnd: f"/studies/{rnd.choice(uids)}/",
        "dashboard": lambda _: "/",
        "API list": lambda _: "/api/v1/studies/",
        "QIDO first page": lambda _: f"/dicom-web/studies?limit={PAGE_ROWS}",
    }


def asker(port: int, headers: Headers, query: Query, rnd: random.Random) -> Iterator[Ask]:
    """A client with a connection of its own, for ``together``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask() -> float:
        began = time.perf_counter()
        connection.request("GET", query(rnd), headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status != http.HTTPStatus.OK:
            raise Failed(f"HTTP {response.status}")
        return time.perf_counter() - began

    yield ask
    connection.close()


def signed_in(running: Product) -> Headers:
    """The cookie of the administrator of a new installation."""
    connection = http.client.HTTPConnection("127.0.0.1", running.http_port, timeout=60)
    connection.request("GET", "/sign-in/")
    token = _cookies(connection)["csrftoken"]
    password = (running.home / "secrets" / "admin_password").read_text().strip()
    form = urlencode({"username": "admin", "password": password, "csrfmiddlewaretoken": token})
    sent = {"Cookie": f"csrftoken={token}", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in/", form, sent)
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in _cookies(connection).items())}


def _cookies(connection: http.client.HTTPConnection) -> dict[str, str]:
    response = connection.getresponse()
    response.read()
    given = [value.split(";", 1)[0] for name, value in response.getheaders() if name.lower() == "set-cookie"]
    return dict(one.split("=", 1) for one in given)


def fill(running: Product, studies: int) -> float:
    """Seed; returns the seconds that took.

    Raises:
        Failed: the command did.
    """
    began = time.perf_counter()
    done = running.run(
        "seed", "--studies", str(studies), "--seed", str(SEED), "--with-deliveries", seconds=SEED_SECONDS
    )
    if done.returncode:
        raise Failed(done.stderr)
    seconds = time.perf_counter() - began
    if url := running.environment.get("DATABASE_URL"):
        # What autovacuum does within minutes of so many new rows.
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
    return seconds


def measure(running: Product, studies: int) -> dict[str, list[float]]:
    """Seconds of each request, by what was asked."""
    rows = running.query("SELECT study_instance_uid, patient_name FROM studies_study ORDER BY id LIMIT 2000")
    known = [(str(uid), str(name)) for uid, name in rows]
    pages, key = signed_in(running), {"Authorization": authorization_for(running)}
    found = {}
    for kind, query in questions(studies, known).items():
        headers = key if kind.startswith(("API", "QIDO")) else pages
        found[kind] = together(CLIENTS, TIMES, partial(asker, running.http_port, headers, query))
    return found


def show(console: Console, found: dict[str, list[float]], studies: int) -> None:
    """A line for each."""
    table = Table(f"{studies:,} studies", "p50 ms", "p95 ms", "to reach", "verdict")
    for kind, seconds in found.items():
        p50, p95 = (percentile(seconds, share) * 1000 for share in (0.5, 0.95))
        bar = BARS[kind][studies > SMALL] if kind in BARS else None
        verdict = "" if bar is None else "reached" if p95 <= bar else "missed"
        table.add_row(kind, f"{p50:.0f}", f"{p95:.0f}", f"{bar or ''}", verdict)
    console.print(table)


def main() -> None:
    """Fill and ask, on the chosen database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, nargs="+", default=[SMALL], help=f"such as {SMALL} {LARGE}")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="pages-") as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(durable_postgresql()) if options.postgresql else None
        with gantry(folder, prepare(folder / "template", server)) as (_, running):
            there = 0
            for studies in sorted(options.studies):
                seconds = fill(running, studies - there)
                console.print(f"{studies - there:,} studies seeded in {seconds:.0f} s")
                there = studies
                show(console, measure(running, studies), studies)


if __name__ == "__main__":
    main()
