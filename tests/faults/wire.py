"""Say something to a listener, right or wrong, and see it through; what a listener holds, counted."""

import faulthandler
import os
import socket
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from dicomnet.scp.association import IDLE_SECONDS
from tests.conformance.raw import ECHO, Raw
from tests.peers import LOOPBACK

SECONDS = 30  # a deadline, which only a listener that hangs ever waits for


def say(port: int, data: bytes, *, resets: bool = False) -> bytes:
    """Send these bytes and the end of the stream; returns all that came back.

    Args:
        resets: close by a reset at once, and wait for nothing.
    """
    with socket.create_connection((LOOPBACK, port), SECONDS) as connection:
        try:
            connection.sendall(data)
            if resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return b""
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
        except TimeoutError:
            raise  # the listener hangs
        except OSError:
            return b""  # it has reset the connection, which shows in whichever call comes next
        return answer


def is_well(port: int) -> bool:
    """An allowed caller associates, echoes and releases."""
    with Raw(port) as connection:
        connection.associate()
        return connection.echo() == 0 and connection.release() == "released"


def associations() -> int:
    """Threads of associations in this process."""
    return sum(thread.name == "association" for thread in threading.enumerate())


@dataclass(frozen=True)
class Held:
    """What this process holds.

    Attributes:
        files: open descriptors.
        memory_bytes: resident.
    """

    threads: int
    files: int
    memory_bytes: int

    @classmethod
    def now(cls) -> "Held":
        """Count, after all associations have ended: at the latest when the idle ones among them are aborted."""
        deadline = time.monotonic() + IDLE_SECONDS + SECONDS
        while associations() and time.monotonic() < deadline:
            time.sleep(0.01)
        if associations():
            faulthandler.dump_traceback(all_threads=True)  # where they are
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(associations(), len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE"))


__all__ = ["ECHO", "Held", "associations", "is_well", "say"]
