"""One question to eight archives at once, beside a client of pynetdicom that asks them one after the other.

The archives are processes of their own on loopback (``span_archive``). Gantry is the whole product: it is asked through
its HTTP API where it has one, and in a process of its own beside it (``span_ask``), which shows what HTTP adds.
"""

import http.client
import json
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from pydicom.dataset import Dataset
from pynetdicom import AE

from benchmarks.bench import Bench
from benchmarks.figures import percentile
from benchmarks.gantry import Template, gantry
from benchmarks.query import authorization_for, together
from benchmarks.receivers import Failed
from benchmarks.span_archive import ARCHIVES, EACH, STUDIES, patient_of
from benchmarks.wire import clock
from dicomnet.find import STUDY_ROOT
from gateway.env import BASE_DIR
from tests.journeys.product import Product

SLOW_MS = 50
TIMES, NAIVE_TIMES = 400, 40
SECONDS = 300  # for the whole of one kind
PATH = "/api/v1/spanner/qido/studies"


@contextmanager
def archives(delay_ms: int = 0) -> Iterator[list[int]]:
    """Eight archives; their ports."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.span_archive", str(number), str(delay_ms)],
                    cwd=BASE_DIR,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(ARCHIVES)
        ]
        for one in started:
            stack.callback(one.kill)
        yield [int(one.stdout.readline()) for one in started if one.stdout is not None]


def measure(bench: Bench, template: Template) -> dict[str, float]:
    """All figures of Gantry.

    Raises:
        Failed: an answer was not what it should be.
    """
    figures: dict[str, float] = {}
    with bench.room() as folder, gantry(folder, template) as (_, running):
        with archives() as ports:
            for kind in ("one", "together", "at-once"):
                figures |= _asked(running, kind, ports)
            # Nobody accepts: the connection is made by the kernel, and nothing is ever said on it.
            with socket.create_server(("127.0.0.1", 0), backlog=1_000) as silent:
                figures |= _asked(running, "hole", [*ports[1:], -silent.getsockname()[1]])
            figures |= _through_http(running, ports)
        with archives(SLOW_MS) as ports:
            figures |= _asked(running, "slow", ports)
    return figures


def measure_naive() -> dict[str, float]:
    """pynetdicom: a new association with each archive, one after the other."""
    with archives() as ports:
        taken = together(1, NAIVE_TIMES, partial(_naive, ports))
    return {
        "p50 ms": percentile(taken, 0.5) * 1000,
        "p95 ms": percentile(taken, 0.95) * 1000,
        "one client/s": len(taken) / sum(taken),
    }


def _asked(running: Product, kind: str, ports: Sequence[int]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.span_ask", kind, ",".join(map(str, ports))]
    done = subprocess.run(
        command, cwd=BASE_DIR, env=running.environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        raise Failed(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{kind} ended")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _through_http(running: Product, ports: Sequence[int]) -> dict[str, float]:
    """One client, and eight; nothing where there is no such API."""
    config = int(_asked(running, "", ports)["config"])
    header = authorization_for(running)
    asking = partial(_http_client, running.http_port, header, config)
    try:
        alone = together(1, TIMES // 2, asking)
    except NoApi:
        return {}
    began = clock()
    count = len(together(8, TIMES // 4, asking))
    return {
        "HTTP p50 ms": percentile(alone, 0.5) * 1000,
        "HTTP p95 ms": percentile(alone, 0.95) * 1000,
        "HTTP 8 clients/s": count / (clock() - began),
    }


class NoApi(Exception):
    """This Gantry has no federated search over HTTP."""


def _http_client(port: int, authorization: str, config: int, rnd: random.Random) -> Iterator[Callable[[], float]]:
    """A client with a connection of its own, for ``together``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask() -> float:
        patient = patient_of(rnd.randrange(STUDIES))
        began = clock()
        target = f"{PATH}?PatientID={patient}&spanner_config_id={config}"
        connection.request("GET", target, headers={"Authorization": authorization})
        response = connection.getresponse()
        body = response.read()
        taken = clock() - began
        if response.status == 404:
            raise NoApi
        answer = json.loads(body)
        if response.status != 200 or len(answer["results"]) != EACH or not answer["is_complete"]:
            raise Failed(f"HTTP {response.status}, {len(answer.get('results', ()))} results")
        return taken

    yield ask
    connection.close()


def _naive(ports: Sequence[int], rnd: random.Random) -> Iterator[Callable[[], float]]:
    """A client of pynetdicom, for ``together``."""
    ae = AE(ae_title="NAIVE")
    ae.add_requested_context(STUDY_ROOT)

    def ask() -> float:
        keys = Dataset()
        keys.QueryRetrieveLevel, keys.PatientID = "STUDY", patient_of(rnd.randrange(STUDIES))
        for keyword in ("StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "PatientName"):
            setattr(keys, keyword, "")
        began, found = clock(), set()
        for port in ports:
            assoc = ae.associate("127.0.0.1", port, ae_title="PEER")
            found |= {str(match.StudyInstanceUID) for _, match in assoc.send_c_find(keys, STUDY_ROOT) if match}
            assoc.release()
        if len(found) != EACH:
            raise Failed(f"{len(found)} studies")
        return clock() - began

    yield ask
