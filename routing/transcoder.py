"""The child that decodes and encodes pixel data for ``routing.compress``: a question a line, an answer a line.

Codecs meet whatever a sender made, so this process has limits of memory and time, and may end over a file without
anybody else noticing. What it encoded it decodes again and compares: what is not the same to the last bit is not used.
"""

import json
import os
import resource
import select
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import pydicom
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

IDLE_SECONDS = 60


class NotTheSame(Exception):
    """The pixels that came out are not those that went in."""


def transcode(source: Path, target: Path, transfer_syntax_uid: str) -> None:
    """Write an instance in another transfer syntax.

    Raises:
        NotTheSame: it would lose something.
        Exception: whatever pydicom and its plugins raise.
    """
    ds = pydicom.dcmread(source)
    syntax = UID(transfer_syntax_uid)
    was_compressed = ds.file_meta.TransferSyntaxUID.is_encapsulated
    before = _pixels(ds)
    if was_compressed:
        ds.decompress(as_rgb=False, generate_instance_uid=False)
    elif not syntax.is_encapsulated:
        ds["PixelData"].is_undefined_length = False
    if syntax.is_encapsulated:
        ds.compress(syntax, generate_instance_uid=False)
    else:
        ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(target, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, overwrite=False)
    if not np.array_equal(before, _pixels(pydicom.dcmread(target))):
        raise NotTheSame


def _pixels(ds: pydicom.Dataset) -> Any:
    """All samples as they are decoded, without any change of colour space."""
    array, _ = get_decoder(ds.file_meta.TransferSyntaxUID).as_array(ds, raw=True)
    return array


def main(memory_bytes: int, seconds: float, parent_pid: int) -> None:
    """Answer until the parent is gone or nothing was asked for a while."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold patients
    _say({"ready": True})
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:
        line = sys.stdin.readline()
        if not line or os.getppid() != parent_pid:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        # Should the parent be gone, the kernel ends what takes too long.
        limit = int(used.ru_utime + used.ru_stime + seconds * 2) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        question = json.loads(line)
        try:
            transcode(Path(question["source"]), Path(question["target"]), question["transfer_syntax_uid"])
            _say({})
        except Exception as error:  # noqa: BLE001 (the process's main loop: codecs raise whatever a file makes them)
            _say({"error": type(error).__name__})  # its message may hold what the file holds
            if isinstance(error, MemoryError | RecursionError):
                return


def _say(answer: dict[str, Any], to: IO[str] = sys.stdout) -> None:
    to.write(json.dumps(answer) + "\n")
    to.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
