"""What all measurements share: files, peers by name, and a folder of its own for each run."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from benchmarks.bars import GANTRY, GANTRY_PG, ORTHANC, ORTHANC_PG, STOCK, STORESCP
from benchmarks.database import Server
from benchmarks.gantry import Template, gantry
from benchmarks.instances import KINDS, write_instances
from benchmarks.receivers import ORTHANC_PLUGIN, Receiver, orthanc, stock_pynetdicom, storescp
from benchmarks.wire import Address
from tests.certificates import authority
from tests.journeys.product import free_port

Start = Callable[[Path], AbstractContextManager[Receiver]]


@dataclass
class Bench:
    """One benchmark run's common ground.

    Attributes:
        counts: how many instances of each kind a run sends.
        embedded, on_postgresql: prepared installations of Gantry; None where nothing needs them.
    """

    folder: Path
    counts: dict[str, int]
    server: Server | None = None
    embedded: Template | None = None
    on_postgresql: Template | None = None
    _paths: dict[str, list[Path]] = field(default_factory=dict)

    def files(self, kind: str) -> list[Path]:
        """The files of one kind, written when they are first asked for."""
        if kind not in self._paths:
            self._paths[kind] = write_instances(self.folder / "files" / kind, KINDS[kind], self.counts[kind])
        return self._paths[kind]

    @contextmanager
    def room(self) -> Iterator[Path]:
        """A folder for one run; gone afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="r", dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def receivers(self) -> dict[str, Start]:
        """Every receiver that can be measured here, by its name in the tables."""
        found: dict[str, Start] = {}
        if self.embedded:
            found[GANTRY] = partial(_gantry, self.embedded)
        found[ORTHANC] = orthanc
        if self.on_postgresql:
            found[GANTRY_PG] = partial(_gantry, self.on_postgresql)
        if self.server and ORTHANC_PLUGIN.exists():
            found[ORTHANC_PG] = partial(_orthanc_on_postgresql, self.server)
        # As a store of its own would be run: a process for each association, bit preserving, the largest PDUs.
        found[STORESCP] = lambda folder: storescp(folder, "--fork", "+B", "-pdu", "131072")
        found[STOCK] = stock_pynetdicom
        return found


@contextmanager
def _gantry(template: Template, folder: Path) -> Iterator[Receiver]:
    with gantry(folder, template) as (receiver, _):
        yield receiver


@contextmanager
def gantry_over_tls(template: Template, folder: Path) -> Iterator[Receiver]:
    """The product with a TLS listener beside the plain one; the receiver's address is the TLS one."""
    certificates = folder / "ca"
    certificates.mkdir()
    own = authority(certificates).issue("GANTRY")
    port = free_port()
    settings = {
        "GANTRY_DICOM_TLS_BIND": f"127.0.0.1:{port}",
        "GANTRY_TLS_CERT": str(own.cert),
        "GANTRY_TLS_KEY": str(own.key),
    }
    with gantry(folder, template, **settings) as (receiver, _):
        yield replace(receiver, address=Address(receiver.address.ae_title, port, is_tls=True))


@contextmanager
def _orthanc_on_postgresql(server: Server, folder: Path) -> Iterator[Receiver]:
    server.execute("DROP DATABASE IF EXISTS orthanc WITH (FORCE)")
    server.execute("CREATE DATABASE orthanc")
    connection = {
        "EnableIndex": True,
        "EnableStorage": False,
        "Host": "127.0.0.1",
        "Port": server.port,
        "Database": "orthanc",
        "Username": "postgres",
        "Password": "",
        "Lock": False,
    }
    with orthanc(folder, Plugins=[str(ORTHANC_PLUGIN)], PostgreSQL=connection) as receiver:
        receiver.others.append(server.pid)
        yield receiver
