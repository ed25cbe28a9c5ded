"""The simulated PACS and the sender as real processes on loopback."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from dicomnet.part10 import read_file_meta

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"
END_SECONDS = 20


@dataclass
class Pacs:
    process: subprocess.Popen[str]
    port: int
    folder: Path

    def data_sets(self) -> list[str]:
        """SHA-256 of each data set held, sorted."""
        return sorted(data_set_sha256(path) for path in self.folder.glob("*.dcm"))

    def end(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=END_SECONDS)
        return output


def environment(home: Path) -> dict[str, str]:
    return os.environ | {"GANTRY_HOME": str(home), "DJANGO_SETTINGS_MODULE": "gateway.settings.base"}


@contextmanager
def simulated_pacs(home: Path, *flags: str) -> Iterator[Pacs]:
    command = [sys.executable, str(MANAGE), "simulatepacs", "--port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(home))
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        port, folder = line.strip().removeprefix("LABPACS listens on 127.0.0.1:").split(" and keeps instances in ")
        yield Pacs(process, int(port), Path(folder))
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=END_SECONDS)
        process.stdout.close()


def senddicom(home: Path, port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(MANAGE), "senddicom", "--port", str(port), "--called-aet", "LABPACS", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment(home), timeout=120, check=False)


def data_set_sha256(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(read_file_meta(file).data_set_offset)
        return sha256(file.read()).hexdigest()


def row(output: str, name: str) -> int:
    """A figure of the closing table."""
    return int(next(line.split()[len(name.split())] for line in output.splitlines() if line.startswith(f"{name} ")))
