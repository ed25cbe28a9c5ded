"""Programs of others as callers and listeners, plain and over TLS: DCMTK, Orthanc, dcmjs-dimse (PS3.7 9, PS3.15 B)."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import node
from tests.certificates import Authority, Issued
from tests.journeys.dcmtk import orthanc, process
from tests.journeys.product import free_port
from tests.peers import LOOPBACK

SECONDS = 60
NO_DELAY = {"TCP_NODELAY": "1"}  # else DCMTK waits 40 ms for an acknowledgement with each object


@dataclass(frozen=True)
class Tls:
    """What one side of a connection needs: its certificate, and whom it trusts."""

    own: Issued
    ca: Authority

    def dcmtk(self) -> list[str]:
        """Options of DCMTK's programs."""
        return ["+tls", str(self.own.key), str(self.own.cert), "+cf", str(self.ca.cert)]

    def dcmjs(self) -> dict[str, str]:
        """What the scripts beside this module are told."""
        return {"key": str(self.own.key), "cert": str(self.own.cert), "ca": str(self.ca.cert)}

    def orthanc(self) -> dict[str, Any]:
        """Orthanc's settings for calling and for being called."""
        own = {"DicomTlsCertificate": str(self.own.cert), "DicomTlsPrivateKey": str(self.own.key)}
        return own | {"DicomTlsTrustedCertificates": str(self.ca.cert)}


@dataclass
class Said:
    """What a caller made of it.

    Attributes:
        is_content: it says that all went well.
        statuses: of each response, where it tells.
        sent: SHA-256 of the data set as it was sent, by SOP Instance UID, where it tells.
    """

    is_content: bool
    output: str
    outcome: str = ""
    statuses: list[int] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)


def dcmtk(
    program: str,
    port: int,
    *options: str,
    files: Sequence[Path] = (),
    tls: Tls | None = None,
    folder: Path | None = None,
) -> Said:
    """Run echoscu, storescu, dcmsend, getscu or movescu; what it writes goes into ``folder``."""
    secured = tls.dcmtk() if tls else []
    command = [program, "-v", "-aec", "GANTRY", *secured, *options, LOOPBACK, str(port), *map(str, files)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | NO_DELAY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    return Said(done.returncode == 0, done.stdout.decode(errors="replace"))


def dcmjs(port: int, *, files: Sequence[Path] = (), tls: Tls | None = None, **told: Any) -> Said:
    """Run the client made with dcmjs-dimse; ``told`` is what its script knows beside these."""
    told = {"port": port, "called": "GANTRY", "calling": "DCMJS", "files": [str(path) for path in files], **told}
    if tls:
        told["tls"] = tls.dcmjs()
    command = [str(node.node()), str(node.FOLDER / "scu.js"), json.dumps(told)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"outcome"')]
    if not lines:
        return Said(is_content=False, output=done.stdout[-2000:] + done.stderr[-2000:])
    said = json.loads(lines[-1])
    is_content = said["outcome"] == "released" and not any(said["statuses"])
    return Said(is_content, lines[-1], said["outcome"], said["statuses"], said["sent"])


@contextmanager
def storescp(folder: Path, *options: str, tls: Tls | None = None) -> Iterator[int]:
    """DCMTK's storescp, which keeps every bit and every transfer syntax, a file for each object; yields its port."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    secured = tls.dcmtk() if tls else []
    taken = () if "+x=" in options else ("+xa",)
    command = ("storescp", "+B", "+uf", "-pm", *taken, *secured, *options, "-od", str(folder), str(port))
    with process(*command, port=port, log=folder.with_suffix(".log")):
        yield port


@contextmanager
def dcmjs_scp(folder: Path, *, tls: Tls | None = None, maximum: int = 0) -> Iterator[int]:
    """The provider made with dcmjs-dimse, which writes ``<UID>.<transfer syntax>.bin``; yields its port."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    told: dict[str, Any] = {"port": port, "folder": str(folder), "maximum": maximum}
    if tls:
        told["tls"] = tls.dcmjs()
    command = (str(node.node()), str(node.FOLDER / "scp.js"), json.dumps(told))
    with process(*command, port=port, log=folder.with_suffix(".log")):
        yield port


class Orthanc:
    """A running Orthanc."""

    def __init__(self, dicom_port: int, http_port: int) -> None:
        self.dicom_port = dicom_port
        self._root = f"http://{LOOPBACK}:{http_port}"

    def rest(self, method: str, path: str, content: Any = None) -> tuple[int, bytes]:
        """Status and body of one call of its REST API; ``content`` is bytes, or goes as JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode() if content is not None else None
        request = urllib.request.Request(self._root + path, data=body, method=method)  # noqa: S310 (loopback)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310 (loopback)
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def knows(self, name: str, port: int, *, tls: bool = False) -> None:
        """Tell it of a modality on loopback."""
        modality = {"AET": "GANTRY", "Host": LOOPBACK, "Port": port, "UseDicomTls": tls}
        status, body = self.rest("PUT", f"/modalities/{name}", modality)
        assert status == 200, body

    def holds(self, files: Sequence[Path]) -> list[str]:
        """Upload files; its names of the instances."""
        found = []
        for path in files:
            status, body = self.rest("POST", "/instances", path.read_bytes())
            assert status == 200, body
            found.append(json.loads(body)["ID"])
        return found

    def files(self) -> list[bytes]:
        """Every instance that it holds, as a Part 10 file."""
        names = json.loads(self.rest("GET", "/instances")[1])
        return [self.rest("GET", f"/instances/{name}/file")[1] for name in names]


@contextmanager
def running_orthanc(folder: Path, *, tls: Tls | None = None, is_tls_listener: bool = False) -> Iterator[Orthanc]:
    """An Orthanc; with ``tls`` it can call over TLS, and listens so if told."""
    settings: dict[str, Any] = tls.orthanc() if tls else {}
    settings["DicomTlsEnabled"] = is_tls_listener
    settings["DicomTlsRemoteCertificateRequired"] = True
    with orthanc(folder, **settings) as (dicom_port, http_port):
        yield Orthanc(dicom_port, http_port)
