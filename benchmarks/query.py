"""Searches beside Orthanc over the same 2,000 studies: C-FIND and QIDO-RS, one client and eight (PS3.4 C.4.1).

Both peers take the studies by C-STORE. The clients are the harness's own: Gantry's wire code asks both, and a plain
HTTP connection that is kept open.
"""

import http.client
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from benchmarks.bars import GANTRY, ORTHANC
from benchmarks.bench import Bench
from benchmarks.figures import percentile
from benchmarks.gantry import Template, gantry
from benchmarks.peers_installed import DICOMWEB
from benchmarks.receive import wait_until_stored
from benchmarks.receivers import Failed, Receiver, orthanc
from benchmarks.wire import Association, clock
from dicomnet.find import STUDY_ROOT
from dicomnet.wire.find import FindAssociation, FindLimits
from dicomnet.wire.peer import Peer
from tests.corpus import CT, EXPLICIT, encoded, part10
from tests.journeys.product import Product

STUDIES = 2_000
ASKED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
    "StudyDescription", "ModalitiesInStudy", "StudyInstanceUID",
)  # fmt: skip
PATIENT, RANGE, ALL = "patient", "range", "all"
PAGE = "page"
TIMES = {PATIENT: 200, RANGE: 100, ALL: 3}  # of each client
SEARCHES = {PATIENT: 400, RANGE: 100, PAGE: 50}  # of all clients; a second's worth or more
REST_SECONDS = 5  # what follows the storing, such as rules that are asked, is over then
QUERIES: dict[str, Callable[[random.Random], str]] = {
    PATIENT: lambda rnd: f"PatientID=PAT{rnd.randrange(STUDIES):06}",
    RANGE: lambda rnd: f"StudyDate=20{rnd.randrange(17, 27)}0101-20260115&ModalitiesInStudy=CT&limit=20",
    PAGE: lambda _: "limit=100",
}
Ask = Callable[[], float]  # asks once and returns the seconds that it took
Start = Callable[[Path], AbstractContextManager[tuple[Receiver, str]]]


def write_studies(folder: Path) -> list[Path]:
    """One small instance of each study."""
    folder.mkdir(parents=True, exist_ok=True)
    rnd = random.Random(5)  # noqa: S311 (seeded, no secret)
    paths = []
    for number in range(STUDIES):
        ds = Dataset()
        uid = f"1.2.826.0.9.{number + 1}"
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, f"{uid}.1.1"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = uid, f"{uid}.1"
        ds.PatientID, ds.PatientName = f"PAT{number:06}", f"Example^Person{number}"
        ds.PatientBirthDate, ds.PatientSex = f"19{rnd.randrange(30, 99)}0615", rnd.choice("FMO")
        ds.StudyDate = f"20{rnd.randrange(17, 27)}{rnd.randrange(1, 13):02}{rnd.randrange(1, 29):02}"
        ds.StudyTime, ds.AccessionNumber = "101112", f"ACC{number:06}"
        ds.StudyDescription, ds.Modality = "CT Thorax", rnd.choice(["CT", "MR", "US", "CR"])
        paths.append(folder / f"{number:05}.dcm")
        paths[-1].write_bytes(part10(encoded(ds, EXPLICIT), sop_instance_uid=ds.SOPInstanceUID, sop_class_uid=CT))
    return paths


@contextmanager
def filled(bench: Bench, start: Start) -> Iterator[tuple[Receiver, str]]:
    """A peer that holds the studies, and the Authorization header that its searches need."""
    files = bench.folder / "files" / "studies"
    paths = sorted(files.glob("*.dcm")) or write_studies(files)
    with bench.room() as folder, start(folder) as (receiver, authorization):
        store_studies(receiver, paths)
        yield receiver, authorization


def store_studies(receiver: Receiver, paths: list[Path]) -> None:
    """Send them, and wait until they can be found and what follows is over.

    Raises:
        Failed: one was refused.
    """
    association = Association(receiver.address)
    for number, path in enumerate(paths):
        if association.store(association.cut(path, number % 65_000 + 1)) != 0:
            raise Failed("a study was refused")
    association.release()
    wait_until_stored(receiver, len(paths), clock())
    time.sleep(REST_SECONDS)


@contextmanager
def gantry_to_ask(template: Template, folder: Path) -> Iterator[tuple[Receiver, str]]:
    """The product with an API key that may read."""
    with gantry(folder, template) as (receiver, running):
        yield receiver, authorization_for(running)


def authorization_for(running: Product) -> str:
    """The header of a new API key that may read."""
    done = running.run("shell", "-c", _MAKE_KEY)
    return f"Api-Key {done.stdout.strip().splitlines()[-1]}"


_MAKE_KEY = (
    "from gateway.accounts.models import ApiKey; print(ApiKey.objects.create_key(name='bench', scopes=['viewer'])[1])"
)


@contextmanager
def orthanc_to_ask(folder: Path) -> Iterator[tuple[Receiver, str]]:
    """Orthanc with its DICOMweb plug-in, open to everybody."""
    with orthanc(folder, Plugins=[DICOMWEB], DicomAlwaysAllowFind=True) as receiver:
        yield receiver, ""


def starts(bench: Bench) -> dict[str, Start]:
    """The peers that are measured."""
    found: dict[str, Start] = {ORTHANC: orthanc_to_ask}
    if bench.embedded:
        found[GANTRY] = partial(gantry_to_ask, bench.embedded)
    return found


def measure_find(bench: Bench, start: Start, clients: int) -> dict[str, float]:
    """Median milliseconds of each kind of C-FIND."""
    with filled(bench, start) as (receiver, _):
        peer = Peer(receiver.address.ae_title, "127.0.0.1", receiver.address.port, "BENCH")
        return {
            f"{kind} p50 ms": percentile(together(clients, TIMES[kind], partial(finder, peer, kind)), 0.5) * 1000
            for kind in TIMES
        }


def measure_qido(bench: Bench, start: Start, clients: int) -> dict[str, float]:
    """Requests per second by PatientID and by date range, and of pages of 100."""
    figures = {}
    with filled(bench, start) as (receiver, authorization):
        for kind, query in QUERIES.items():
            began = clock()
            times = SEARCHES[kind] // clients
            count = len(together(clients, times, partial(searcher, receiver.http_port, authorization, query)))
            figures[f"{kind}/s"] = count / (clock() - began)
    return figures


def finder(peer: Peer, kind: str, rnd: random.Random) -> Iterator[Ask]:
    """A client of C-FIND with an association of its own, for ``together``."""
    with FindAssociation(peer, [(STUDY_ROOT, EXPLICIT)]) as association:

        def ask() -> float:
            ds = Dataset()
            ds.QueryRetrieveLevel = "STUDY"
            for keyword in ASKED:
                setattr(ds, keyword, "")
            if kind == PATIENT:
                ds.PatientID = f"PAT{rnd.randrange(STUDIES):06}"
            elif kind == RANGE:
                year = rnd.randrange(2017, 2026)
                ds.StudyDate, ds.ModalitiesInStudy = f"{year}0601-{year}0701", "CT"
            keys = encoded(ds, EXPLICIT)
            began = clock()
            with association.find((STUDY_ROOT, EXPLICIT), keys, FindLimits()) as finding:
                count = sum(1 for _ in finding)
            if count != {PATIENT: 1, ALL: STUDIES}.get(kind, count):
                raise Failed(f"{count} matches")
            return clock() - began

        yield ask


def searcher(port: int, authorization: str, query: Callable[[random.Random], str], rnd: random.Random) -> Iterator[Ask]:
    """A client of QIDO-RS with a connection of its own, for ``together``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Accept": "application/dicom+json"} | ({"Authorization": authorization} if authorization else {})

    def ask() -> float:
        began = clock()
        connection.request("GET", f"/dicom-web/studies?{query(rnd)}", headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status not in {200, 204}:
            raise Failed(f"HTTP {response.status}")
        return clock() - began

    yield ask
    connection.close()


def together(clients: int, times: int, client: Callable[[random.Random], Iterator[Ask]]) -> list[float]:
    """The seconds of each question, asked by several clients at the same time, each after a few for warmth."""

    def run(number: int) -> list[float]:
        with contextmanager(client)(random.Random(number)) as ask:  # noqa: S311 (seeded, no secret)
            for _ in range(3):
                ask()
            return [ask() for _ in range(times)]

    with ThreadPoolExecutor(clients) as pool:
        return [seconds for taken in pool.map(run, range(clients)) for seconds in taken]
