"""Decides who may associate, and for what: default deny, kept in memory, refreshed while the listener runs.

The list survives a database that is down: the last one that was read stands, and a copy in a file serves a listener
that starts meanwhile.
"""

import json
import logging
import os
import threading
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from django.db import DatabaseError, connection

from dicomnet.models import ANY, AllowlistEntry

logger = logging.getLogger(__name__)
REFRESH_SECONDS = 3


@dataclass(frozen=True)
class Rights:
    """What one caller may do on an association."""

    may_echo: bool = False
    may_store: bool = False
    may_find: bool = False
    may_move: bool = False
    may_get: bool = False
    may_commit: bool = False

    def __or__(self, other: "Rights") -> "Rights":
        return Rights(**{name: value or getattr(other, name) for name, value in asdict(self).items()})


@dataclass(frozen=True)
class Entry:
    """One allowlist entry, free of the database."""

    calling_ae_title: str
    network: str
    called_ae_title: str
    rights: Rights

    def covers(self, calling_ae_title: str, address: IPv4Address | IPv6Address, called_ae_title: str) -> bool:
        """The entry speaks of this caller."""
        return (
            self.calling_ae_title in {ANY, calling_ae_title}
            and self.called_ae_title in {"", ANY, called_ae_title}
            and address in ip_network(self.network)
        )


class Allowlist:
    """The entries as last read; safe for use from many threads."""

    def __init__(self, snapshot: Path) -> None:
        """Read the database, or the snapshot file when that is down."""
        self._snapshot = snapshot
        self._entries: tuple[Entry, ...] | None = None
        if not self.refresh():
            self._entries = _read_snapshot(snapshot)

    def rights(self, calling_ae_title: str, address: str, called_ae_title: str) -> Rights | None:
        """The union of what all entries for this caller allow; None when no entry speaks of it."""
        parsed = _plain(ip_address(address.partition("%")[0]))
        found: Rights | None = None
        for entry in self._entries or ():
            if entry.covers(calling_ae_title, parsed, called_ae_title):
                found = entry.rights if found is None else found | entry.rights
        return found

    def refresh(self) -> bool:
        """Read the entries anew; False, and the last ones stand, when the database does not answer."""
        try:
            rows = list(AllowlistEntry.objects.all())
        except DatabaseError as error:
            logger.warning("allowlist not refreshed", extra={"error": str(error)})
            return False
        finally:
            connection.close()
        entries = tuple(_entry(row) for row in rows if _is_network(row.network))
        if len(entries) < len(rows):
            logger.error("allowlist entries name no network", extra={"count": len(rows) - len(entries)})
        if entries != self._entries:
            self._entries = entries
            _write_snapshot(self._snapshot, entries)
        return True

    def refresh_forever(self) -> None:
        """Keep the list fresh from a thread of its own, so that a slow database delays no association."""
        stopped = threading.Event()

        def loop() -> None:
            while not stopped.wait(REFRESH_SECONDS):
                self.refresh()

        threading.Thread(target=loop, name="allowlist", daemon=True).start()


def _entry(row: AllowlistEntry) -> Entry:
    rights = Rights(**{name: getattr(row, name) for name in Rights.__dataclass_fields__})
    return Entry(row.calling_ae_title, row.network, row.called_ae_title, rights)


def _is_network(text: str) -> bool:
    """The form checks this too, but a row may come by another way, and must not hide the others."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 caller on a listener for both families shows as ::ffff:10.1.2.3."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _write_snapshot(path: Path, entries: tuple[Entry, ...]) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        fresh.write_text(json.dumps([asdict(entry) for entry in entries]))
        fresh.replace(path)
    except OSError as error:
        logger.warning("allowlist snapshot not written", extra={"error": str(error)})


def _read_snapshot(path: Path) -> tuple[Entry, ...]:
    try:
        rows = json.loads(path.read_text())
        return tuple(Entry(**row | {"rights": Rights(**row["rights"])}) for row in rows if _is_network(row["network"]))
    except (OSError, ValueError, TypeError, KeyError):
        return ()
