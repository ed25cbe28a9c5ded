"""DICOMweb beside Orthanc and its plug-in: a series of 500 CT, frames of a JPEG 2000 stack, metadata of the series.

Both are asked the same by one plain HTTP client that reads and throws away. Instances come in by STOW-RS. Run
``python -m benchmarks.dicomweb`` for these figures alone.
"""

import argparse
import http.client
import json
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless
from rich.console import Console
from rich.table import Table

from benchmarks.bars import GANTRY, ORTHANC
from benchmarks.bench import Bench
from benchmarks.gantry import gantry, prepare
from benchmarks.instances import KINDS, write_instances
from benchmarks.peers_installed import DECODER, DICOMWEB
from benchmarks.receivers import Failed, orthanc

STACK = 24  # encoded once; a real stack has more, but no frame is asked for twice in a row
ROUNDS = 7
CLIENTS = (1, 4)
FRAME_SECONDS = 4.0
PIECE_BYTES = 1 << 20
STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
CODE_STREAM = 'multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.90'
SAMPLES = 'multipart/related; type="application/octet-stream"'


@dataclass(frozen=True)
class Service:
    """A running DICOMweb service.

    Attributes:
        is_indexed: whether so many instances can be found.
    """

    port: int
    root: str
    headers: dict[str, str]
    is_indexed: Callable[[int], bool]


Start = Callable[[Path], AbstractContextManager[Service]]


@contextmanager
def gantry_service(bench: Bench, folder: Path) -> Iterator[Service]:
    """The product, with a key of its own."""
    assert bench.embedded is not None  # noqa: S101 (asked for only when it is there)
    code = (
        "from gateway.accounts.models import ApiKey\n"
        "print(ApiKey.objects.create_key(name='bench', scopes=['operator'])[1])"
    )
    with gantry(folder, bench.embedded) as (receiver, running):
        key = running.run("shell", "--no-imports", "-c", code).stdout.strip().splitlines()[-1]
        yield Service(
            running.http_port,
            "/dicom-web",
            {"Authorization": f"Api-Key {key}"},
            lambda count: receiver.stored() >= count,
        )


@contextmanager
def orthanc_service(folder: Path) -> Iterator[Service]:
    """Orthanc as Debian has it, with its plug-ins for DICOMweb and for decoding."""
    web = {"Enable": True, "Root": "/dicom-web/"}
    with orthanc(folder, Plugins=[DICOMWEB, DECODER], DicomWeb=web) as receiver:
        assert receiver.http_port is not None  # noqa: S101 (an Orthanc has one)
        yield Service(receiver.http_port, "/dicom-web", {}, lambda count: receiver.stored() >= count)


def series_files(folder: Path) -> list[Path]:
    """500 CT in one series."""
    return write_instances(folder / "series", KINDS["series"], 500)


def stack_files(folder: Path) -> list[Path]:
    """A JPEG 2000 stack: noise on smooth shapes, as a CT compresses."""
    paths = write_instances(folder / "stack", KINDS["stack"], STACK)
    down, across = np.mgrid[0:512, 0:512]
    for number, path in enumerate(paths):
        ds = dcmread(path)
        shape = 1000 + 800 * np.exp(-((down - 256) ** 2 + (across - 200 - 4 * number) ** 2) / 20_000)
        noise = np.random.default_rng(number).normal(0, 12, shape.shape)
        ds.PixelData = np.clip(shape + noise, 0, 4095).astype(np.uint16).tobytes()
        ds.compress(JPEG2000Lossless, generate_instance_uid=False)
        ds.save_as(path)
    return paths


def measure(bench: Bench, start: Start) -> dict[str, float]:
    """All figures of one service.

    Raises:
        Failed: something was not stored, or not answered.
    """
    files = _files(bench)
    with bench.room() as folder, start(folder) as service:
        for paths in files.values():
            store(service, paths)
        deadline = time.monotonic() + 120
        while not service.is_indexed(sum(map(len, files.values()))):
            if time.monotonic() > deadline:
                raise Failed("not all instances were indexed")
            time.sleep(0.1)
        return _series(service, files["series"]) | _frames(service, files["stack"])


_kept: dict[Path, dict[str, list[Path]]] = {}


def _files(bench: Bench) -> dict[str, list[Path]]:
    if bench.folder not in _kept:
        folder = bench.folder / "files"
        _kept[bench.folder] = {"series": series_files(folder), "stack": stack_files(folder)}
    return _kept[bench.folder]


def store(service: Service, paths: list[Path], at_once: int = 25) -> None:
    """Send files by STOW-RS.

    Raises:
        Failed: one was not stored.
    """
    for start in range(0, len(paths), at_once):
        boundary = secrets.token_hex(8)
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = b"".join(head + path.read_bytes() + b"\r\n" for path in paths[start : start + at_once])
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        headers = service.headers | {"Content-Type": kind, "Accept": "application/dicom+json"}
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
        connection.request("POST", f"{service.root}/studies", body + f"--{boundary}--\r\n".encode(), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise Failed(f"STOW-RS was answered with {answer.status}: {text[:200]!r}")


def _series(service: Service, paths: list[Path]) -> dict[str, float]:
    ds = dcmread(paths[0], stop_before_pixels=True)
    address = f"{service.root}/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
    with _client(service) as get:
        began = time.perf_counter()
        get(f"{address}/metadata", "application/dicom+json")
        first = time.perf_counter() - began
        rates, waits = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            size = get(address, STORED)
            rates.append(size / 1e6 / (time.perf_counter() - began))
            if size < sum(path.stat().st_size for path in paths) * 0.99:
                raise Failed("the series did not come whole")
        for _ in range(3 * ROUNDS):
            began = time.perf_counter()
            get(f"{address}/metadata", "application/dicom+json")
            waits.append((time.perf_counter() - began) * 1000)
    p50 = statistics.median(waits)
    return {
        "series MB/s": statistics.median(rates),
        "metadata p50 ms": p50,
        "metadata first ms": first * 1000,
        "metadata/s": 1000 / p50,
    }


def _frames(service: Service, paths: list[Path]) -> dict[str, float]:
    addresses = []
    for path in paths:
        ds = dcmread(path, stop_before_pixels=True)
        addresses.append(
            f"{service.root}/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
            f"/instances/{ds.SOPInstanceUID}/frames/1"
        )
    found = {}
    for name, accept in (("stored", CODE_STREAM), ("decoded", SAMPLES)):
        for clients in CLIENTS:
            with ThreadPoolExecutor(clients) as pool:
                counts = pool.map(lambda number: _asking(service, addresses, accept, number), range(clients))  # noqa: B023
                found[f"{name} frames/s, {clients}"] = sum(counts) / FRAME_SECONDS
    return found


def _asking(service: Service, addresses: list[str], accept: str, number: int) -> int:
    count = 0
    with _client(service) as get:
        get(addresses[number % len(addresses)], accept)
        until = time.monotonic() + FRAME_SECONDS
        while time.monotonic() < until:
            count += 1
            get(addresses[(count + number * 7) % len(addresses)], accept)
    return count


@contextmanager
def _client(service: Service) -> Iterator[Callable[[str, str], int]]:
    """Asks over one connection that stays open; returns how many bytes came."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)

    def get(address: str, accept: str) -> int:
        connection.request("GET", address, headers=service.headers | {"Accept": accept, "Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        size = 0
        while piece := answer.read(PIECE_BYTES):
            size += len(piece)
        if answer.status != 200:
            raise Failed(f"{address} was answered with {answer.status}")
        return size

    try:
        yield get
    finally:
        connection.close()


def services(bench: Bench) -> dict[str, Start]:
    """Those that can be measured here."""
    found: dict[str, Start] = {}
    if bench.embedded:
        found[GANTRY] = partial(gantry_service, bench)
    if Path(DICOMWEB).exists() and Path(DECODER).exists():
        found[ORTHANC] = orthanc_service
    return found


def main() -> None:
    """Measure both, in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often each is measured")
    parser.add_argument("--peers", default="", help="only this one: gantry or orthanc")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dicomweb") as name:
        folder = Path(name)
        bench = Bench(folder, {}, embedded=prepare(folder / "template", None))
        found: dict[str, list[dict[str, float]]] = {}
        for _ in range(options.rounds):
            for peer, start in services(bench).items():
                if options.peers in peer.lower():
                    found.setdefault(peer, []).append(measure(bench, start))
                    print(peer, json.dumps(found[peer][-1]), flush=True)
    table = Table("figure", *found)
    for figure in next(iter(found.values()))[0]:
        table.add_row(figure, *(f"{statistics.median(run[figure] for run in runs):.1f}" for runs in found.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
