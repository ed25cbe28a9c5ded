"""Ask a federation in this process, as its doors do, and print figures: ``python -m benchmarks.span_ask KIND PORTS``.

It runs in the environment of an installation, on whose database it makes the sources and the federation; without a kind
that is all.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

from benchmarks.figures import percentile
from benchmarks.span_archive import EACH, STUDIES, patient_of

TIMES, WARM = 400, 30
CLIENTS, SECONDS = 8, 8.0
AT_ONCE = 1_000
DEAD_SECONDS = 1  # that the source which says nothing has


def main() -> None:
    """Set up, ask, print."""
    kind, ports = sys.argv[1], [int(port) for port in sys.argv[2].split(",")]
    django.setup()
    config = federation(ports)
    print(json.dumps(KINDS[kind](config) if kind else {"config": config.pk}))


def federation(ports: list[int]) -> Any:
    """A federation of these peers; a port below zero is one that says nothing."""
    from spanner.models import ConfigSource, Source, SpanningConfig

    SpanningConfig.objects.all().delete()
    Source.objects.all().delete()
    config = SpanningConfig.objects.create(name="bench", cache_seconds=0, timeout_seconds=10)
    for number, port in enumerate(ports):
        told = {"timeout_seconds": DEAD_SECONDS} if port < 0 else {}
        source = Source.objects.create(
            name=f"PACS{number}", ae_title="PEER", host="127.0.0.1", port=abs(port), max_concurrent=8, **told
        )
        ConfigSource.objects.create(config=config, source=source, priority=number)
    return config


def ask(config: Any, patient: int) -> Any:
    """One question; every study of the patient must be there once."""
    from spanner.question import PATIENT_ID, question
    from spanner.search import span
    from studies.query.keys import QueryLevel

    asked = question(QueryLevel.STUDY, {PATIENT_ID: patient_of(patient * EACH)})
    return span(config, asked, door="api", asked_by="benchmark")


def check(found: Any, patient: int, *, is_partial_fine: bool = False) -> None:
    """Every study is there once, with both who have it; or it is said who is missing."""
    if is_partial_fine and not found.is_complete:
        if not all(answer.error for answer in found.answers if not answer.is_whole):
            raise SystemExit("a source is missing without a reason")
        return
    if len(found.merged) != EACH or any(len(one.sources) != 2 for one in found.merged):
        raise SystemExit(f"{len(found.merged)} matches of patient {patient}")


def milliseconds(config: Any, times: int, *, is_partial_fine: bool = False) -> list[float]:
    """Of each question, one after the other."""
    rnd, found = random.Random(1), []  # noqa: S311 (seeded, no secret)
    for number in range(WARM + times):
        patient = rnd.randrange(STUDIES // EACH)
        began = time.perf_counter()
        answer = ask(config, patient)
        if number >= WARM:
            found.append((time.perf_counter() - began) * 1000)
        check(answer, patient, is_partial_fine=is_partial_fine)
    return found


def one_client(config: Any) -> dict[str, float]:
    """One question after the other."""
    taken = milliseconds(config, TIMES)
    return {
        "p50 ms": percentile(taken, 0.5),
        "p95 ms": percentile(taken, 0.95),
        "one client/s": 1000 / (sum(taken) / len(taken)),
    }


def slow(config: Any) -> dict[str, float]:
    """The sources take 50 ms each: what is more is Gantry's."""
    taken = milliseconds(config, TIMES // 4)
    return {"over slowest ms": percentile(taken, 0.5) - 50, "over slowest p95 ms": percentile(taken, 0.95) - 50}


def black_hole(config: Any) -> dict[str, float]:
    """One source takes connections and says nothing; its breaker is open by then, and is tried now and then."""
    for number in range(4):
        ask(config, number)
    taken = milliseconds(config, TIMES, is_partial_fine=True)
    return {"black-holed p50 ms": percentile(taken, 0.5), "black-holed p95 ms": percentile(taken, 0.95)}


def together(config: Any) -> dict[str, float]:
    """Clients that ask for some seconds, each as soon as it has its answer."""
    until = time.monotonic() + SECONDS
    counts: list[int] = []

    def client(number: int) -> None:
        rnd, count = random.Random(number), 0  # noqa: S311 (seeded, no secret)
        while time.monotonic() < until:
            patient = rnd.randrange(STUDIES // EACH)
            check(ask(config, patient), patient)
            count += 1
        counts.append(count)

    run(client, CLIENTS)
    return {f"{CLIENTS} clients/s": sum(counts) / SECONDS}


def at_once(config: Any) -> dict[str, float]:
    """A thousand questions at the same moment, without the rows that each leaves: no database takes so many callers."""
    from spanner.fanout import ask_all
    from spanner.merge import merge
    from spanner.question import PATIENT_ID, question
    from spanner.search import Found, targets_of, terms_of
    from studies.query.keys import QueryLevel

    answered: list[bool] = []
    start = threading.Barrier(AT_ONCE)
    targets, terms = targets_of(config), terms_of(config)

    def client(number: int) -> None:
        asked = question(QueryLevel.STUDY, {PATIENT_ID: patient_of(number * EACH)})
        start.wait()
        answers = list(ask_all(targets, asked, terms))
        found = Found(merge(QueryLevel.STUDY, answers), answers)
        check(found, number, is_partial_fine=True)
        answered.append(found.is_complete)

    began = time.perf_counter()
    run(client, AT_ONCE)
    if len(answered) != AT_ONCE:
        raise SystemExit(f"{len(answered)} of {AT_ONCE} were answered")
    return {"complete of 1000": float(sum(answered)), "seconds": time.perf_counter() - began, "MiB": peak_mib()}


def run(client: Callable[[int], None], count: int) -> None:
    """In as many threads, each of which closes its connection to the database."""
    from django.db import connection

    def whole(number: int) -> None:
        try:
            client(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=whole, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def peak_mib() -> float:
    """The most memory that this process had."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


KINDS: dict[str, Callable[[Any], dict[str, float]]] = {
    "one": one_client,
    "slow": slow,
    "hole": black_hole,
    "together": together,
    "at-once": at_once,
}

if __name__ == "__main__":
    main()
