"""One PostgreSQL for all who are measured on it, as durable as PostgreSQL is by default."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg

from tests.servers import ServerError, postgresql

# Only what lets several run on one machine; fsync, synchronous_commit and full_page_writes stay on.
_OPTIONS = {
    "max_connections": "200",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL.

    Attributes:
        pid: its first process.
        address: ``postgres://`` address of its administrator.
    """

    pid: int
    address: str

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return urlunsplit(urlsplit(self.address)._replace(path=f"/{database}"))

    def execute(self, statement: str) -> None:
        """Run a statement outside of a transaction."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(statement)

    @property
    def port(self) -> int:
        """Its port on loopback."""
        return urlsplit(self.address).port or 5432


@contextmanager
def durable_postgresql() -> Iterator[Server]:
    """A server with an empty cluster until the block ends."""
    with postgresql(_OPTIONS) as address:
        port = str(urlsplit(address).port)
        for child in psutil.Process(os.getpid()).children():
            if child.name() == "postgres" and port in child.cmdline():
                yield Server(child.pid, address)
                return
        raise ServerError("the process of PostgreSQL is not found")
