"""Orthanc and DCMTK's programs as peers, each a process of its own on a loopback port."""

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicomnet.part10 import read_file_meta
from gateway.supervisor.parent_death import die_with_parent
from tests.journeys.product import free_port, wait_until


@contextmanager
def process(*command: str, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a peer until the block ends; it has to listen on the port within some seconds."""
    parent = os.getpid()
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TCP_NODELAY": "1"},  # else DCMTK answers each object 40 ms late
            preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 (an orphan would hold its port)
        ) as peer,
    ):
        try:
            wait_until(lambda: _listens(port), 20, lambda: log.read_text(errors="replace"))
            yield peer
        finally:
            peer.send_signal(signal.SIGTERM)
            try:
                peer.wait(10)
            except subprocess.TimeoutExpired:
                peer.kill()


@contextmanager
def storescp(folder: Path, port: int | None = None) -> Iterator[int]:
    """DCMTK's storescp, bit preserving, for every transfer syntax, a file for each object; yields its port."""
    port = port or free_port()
    folder.mkdir(exist_ok=True)
    log = folder.with_suffix(".log")
    with process("storescp", "+B", "+xa", "+uf", "-aet", "PACS", "-od", str(folder), str(port), port=port, log=log):
        yield port


@contextmanager
def orthanc(folder: Path, **settings: Any) -> Iterator[tuple[int, int]]:
    """An Orthanc that knows nobody and takes everything; yields its DICOM and its HTTP port."""
    dicom_port, http_port = free_port(), free_port()
    folder.mkdir()
    config = {
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "index"),
        "DicomPort": dicom_port,
        "HttpPort": http_port,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
        **settings,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(config))
    with process("Orthanc", str(path), port=http_port, log=folder / "orthanc.log"):
        wait_until(lambda: _listens(dicom_port), 20)
        yield dicom_port, http_port


def orthanc_files(http_port: int) -> list[bytes]:
    """Every instance that Orthanc holds, as a Part 10 file."""
    return [
        _get(f"http://127.0.0.1:{http_port}/instances/{name}/file")
        for name in json.loads(_get(f"http://127.0.0.1:{http_port}/instances"))
    ]


def data_set_of(path: Path) -> bytes:
    """The bytes after the File Meta Information."""
    with path.open("rb") as file:
        offset = read_file_meta(file).data_set_offset
        file.seek(offset)
        return file.read()


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 (loopback)
        return response.read()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
